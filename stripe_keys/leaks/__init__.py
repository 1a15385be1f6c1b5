"""Keys that leaked: whose they are, found by fingerprint; and what is done about them. The text is kept nowhere."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When
from django.views.decorators.debug import sensitive_variables

from accounts.models import Notice, User
from stripe_keys import lifecycle, mails, services, vault
from stripe_keys.leaks.leaked_text import Reading, read_leaked
from stripe_keys.lifecycle import actor_name
from stripe_keys.models import KeySubmission, RestrictedKey

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
MOST_ROWS = 50
_MOST_PASTES = 25


class Fate(StrEnum):
    """What is there to do about a leaked key, or was just done."""

    SUSPEND = "suspend"
    TELL = "tell"
    DONE = "done"
    DEAD = "dead"
    NOT_PROVEN = "not_proven"


@dataclass(frozen=True)
class Found:
    """What a text turned out to hold: how it was read, and the ids of our keys and of pastes that are in it."""

    reading: Reading
    key_ids: list[UUID]
    paste_ids: list[int]
    is_cut: bool


@sensitive_variables()
@transaction.atomic
def look_up(*, text: str, actor: User) -> Found:
    """Find our keys in a leaked `text`, ended ones too, under every fingerprint key; each is told of it in its history.

    Nothing of the text is written anywhere.
    """
    reading = read_leaked(text)
    digests = [
        mark.digest for readings in reading.keys for secret in readings for mark in vault.fingerprints(secret)
    ]
    rows = list(in_order(RestrictedKey.objects.filter(fingerprint__in=digests))[: MOST_ROWS + 1])
    keys, is_cut = rows[:MOST_ROWS], reading.is_cut or len(rows) > MOST_ROWS
    marks = {*digests, *(bytes(key.fingerprint) for key in keys)}
    pastes = KeySubmission.objects.filter(kind=KeySubmission.Kind.PASTE, fingerprint__in=marks).order_by(
        "-pk"
    )
    for key in keys:
        lifecycle.record(
            key, actor=actor_name(actor), reason="Support recognised it in a text that may have leaked."
        )
    log.warning("a text was read at the leak desk", extra={"code": f"keys of ours in it: {len(keys)}"})
    return Found(
        reading, [key.pk for key in keys], list(pastes.values_list("pk", flat=True)[:_MOST_PASTES]), is_cut
    )


def in_order(keys: QuerySet[RestrictedKey]) -> QuerySet[RestrictedKey]:
    """Keys that are kept first, then the newest."""
    is_kept = Q(status__in=RestrictedKey.KEPT, stands_in_for__isnull=True)
    kept = Case(When(is_kept, then=Value(0)), default=Value(1))
    return keys.select_related("merchant").order_by(kept, "-created_at", "-pk")


def told(keys: Iterable[RestrictedKey]) -> set[UUID]:
    """Which of `keys` their merchants were told to have leaked, since they were suspended or after their end."""
    marks = {mails.mark_of_leak_notice(key): key.pk for key in keys}
    notices = Notice.objects.filter(dedupe_key__in=marks)
    return {marks[mark] for mark in notices.values_list("dedupe_key", flat=True)}


def fate_of(key: RestrictedKey, *, is_told: bool) -> Fate:
    """What is left to do about `key`, which leaked.

    A key that nobody has proven may be anybody's, perhaps stolen by whoever pasted it: there is nobody to tell. One
    that Stripe has confirmed dead harms nobody. Any other may still work at Stripe, though we have erased it.
    """
    if key.status == Status.EXPIRED:
        return Fate.DEAD
    if key.status == Status.REJECTED or key.stands_in_for_id is not None:
        return Fate.NOT_PROVEN
    if key.is_kept and not key.suspended_at:
        return Fate.SUSPEND
    return Fate.DONE if is_told else Fate.TELL


@transaction.atomic
def suspend_and_tell(*, key: RestrictedKey, actor: User, now: datetime) -> Fate:
    """Let nobody use the leaked `key` and tell its merchant what to do at Stripe; returns what was to be done.

    A key that has ended is not suspended any more, but its merchant is told while it may work at Stripe. Asked for
    twice, it is done once.
    """
    key = lifecycle.locked(key)
    fate = fate_of(key, is_told=bool(told([key])))
    if fate == Fate.SUSPEND:
        services.suspend(key=key, actor=actor, now=now, is_leaked=True)
    elif fate == Fate.TELL:
        lifecycle.record(
            key, actor=actor_name(actor), reason="It was found leaked, and support told the merchant."
        )
        mails.tell_leaked(key)
    return fate
