"""When Stripe itself is in trouble: checks are put off while it is down, and no key dies while it refuses many at once.

Both are concluded from what the last checks of all merchants found (`Validation.verdict`), so every worker sees the
same, and neither needs a setting to be turned.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import uniform
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from accounts.notices import tell_ops
from stripe_keys import lifecycle
from stripe_keys.models import RestrictedKey, StripeIncident, Validation
from work.queues import Postpone

log = logging.getLogger(__name__)
Kind = StripeIncident.Kind
UNKNOWN, REFUSED_ONCE, HELD, DIED = "unknown", "refused_once", "held", "expired"
REFUSED_PENDING = "not_accepted"  # of a key that was never proven: anybody may paste rubbish
_REFUSALS = (REFUSED_ONCE, HELD, DIED)
_ANSWERED = (*_REFUSALS, "active", "limited")
_OUTAGE_WINDOW = timedelta(seconds=60)
_OUTAGE_CHECKS, _OUTAGE_SHARE = 5, 0.5
_TRY_EVERY = timedelta(seconds=10)
_LOOK_EVERY_SECONDS = 1.0
_WITNESSES = 5
_OPS_WORD_HOLDS = timedelta(hours=1)


class StripeIsDown(Postpone):
    """Nobody gets answers from Stripe: the check is put off, and nothing is marked."""


class _Look:
    """What was open a moment ago; so that a check in calm times asks the database at most once per second."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._open: dict[str, StripeIncident] = {}

    def open_now(self) -> dict[str, StripeIncident]:
        if time.monotonic() - self._at > _LOOK_EVERY_SECONDS:
            self._open = {one.kind: one for one in StripeIncident.objects.filter(ended_at=None)}
            self._at = time.monotonic()
        return self._open

    def forget(self) -> None:
        self._at = float("-inf")


_look = _Look()
forget = _look.forget


def open_now(kind: str) -> StripeIncident | None:
    """The open incident of that kind, as it was a second ago at most."""
    return _look.open_now().get(kind)


# --- Stripe is down --------------------------------------------------------------------------------------------------


def wait_out_an_outage(row: Validation) -> None:
    """Let a check pass if Stripe is up, or if it is its turn to find out whether it is up again.

    Raises:
        StripeIsDown: put the check off.
    """
    outage = open_now(Kind.OUTAGE)
    if outage is None:
        return
    turn = StripeIncident.objects.filter(pk=outage.pk, ended_at=None, next_try_at__lte=Now())
    if turn.update(next_try_at=Now() + _TRY_EVERY):
        return
    longest = min(30.0 * 2 ** min(row.fence // 4, 3), 240.0)
    raise StripeIsDown(timedelta(seconds=uniform(longest / 2, longest)), "StripeIsDown")  # noqa: S311


def note_no_answer(now: datetime) -> None:
    """A check has just been concluded without answers; see whether that is so for most of them."""
    if open_now(Kind.OUTAGE) is not None:
        return
    seen = _since(now - _OUTAGE_WINDOW).aggregate(
        checked=Count("key", distinct=True), unknown=Count("key", distinct=True, filter=Q(verdict=UNKNOWN))
    )
    if seen["unknown"] >= _OUTAGE_CHECKS and seen["unknown"] >= _OUTAGE_SHARE * seen["checked"]:
        _begin(Kind.OUTAGE, f"{seen['unknown']} of {seen['checked']} keys checked in a minute got no answer")


def note_answer() -> None:
    """A check got answers: if there was an outage, it is over."""
    if open_now(Kind.OUTAGE) is not None:
        end(Kind.OUTAGE, by="the site")


# --- Stripe refuses many keys at once --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refusals:
    """Of how many Stripe accounts whose keys have worked, and were checked lately, the key was refused."""

    accounts: int
    refused: int

    @property
    def are_too_many(self) -> bool:
        """Whether that is more than merchants do on their own."""
        most = max(settings.KEY_BRAKE_ACCOUNTS - 1, settings.KEY_BRAKE_SHARE * self.accounts)
        return bool(self.refused > most)


def refusals(now: datetime) -> Refusals:
    """What the checks within KEY_BRAKE_WINDOW_SECONDS found."""
    window = timedelta(seconds=settings.KEY_BRAKE_WINDOW_SECONDS)
    account: Callable[..., Count] = partial(Count, "key__stripe_account_id", distinct=True)
    seen = (
        _since(now - window)
        .filter(verdict__in=_ANSWERED)
        .aggregate(accounts=account(), refused=account(filter=Q(verdict__in=_REFUSALS)))
    )
    return Refusals(**seen)


def is_braked(key: RestrictedKey, now: datetime) -> bool:
    """Whether `key`, which was refused just now, must live on because many others were refused too.

    The caller has written the verdict of the present check already.
    """
    braked = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at=None).exists()
    seen = refusals(now)
    if braked or not seen.are_too_many:
        if not braked:
            transaction.on_commit(partial(call_witnesses, key.pk, now, seen.accounts), robust=True)
        return braked
    if _ops_let_them_die(now):
        return False
    _begin(Kind.REFUSALS, f"{seen.refused} of {seen.accounts} accounts were refused within the window")
    return True


def watch(now: datetime) -> None:
    """End the brake when the share of refused accounts has fallen; called every minute."""
    braked = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at=None).exists()
    if braked and not refusals(now).are_too_many:
        end(Kind.REFUSALS, by="the site")


def call_witnesses(key_id: UUID, now: datetime, seen: int) -> None:
    """Have some other merchants' keys checked soon, those that are due next: is it this key alone that is refused?"""
    if seen > _WITNESSES:
        return
    others = RestrictedKey.objects.usable().exclude(pk=key_id).filter(first_refused_at=None)
    for pk in list(others.order_by("next_check_at").values_list("pk", flat=True)[:_WITNESSES]):
        with transaction.atomic():
            other = others.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
            if other is not None:
                lifecycle.request_validation(other, reason=Validation.Reason.WITNESS, now=now)


def _ops_let_them_die(now: datetime) -> bool:
    ended = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at__gt=now - _OPS_WORD_HOLDS)
    return ended.exclude(ended_by="the site").exists()


# --- Both ------------------------------------------------------------------------------------------------------------


def _since(moment: datetime) -> QuerySet[Validation]:
    return Validation.objects.filter(finished_at__gte=moment)


def _begin(kind: str, evidence: str) -> None:
    _, is_new = StripeIncident.objects.get_or_create(
        kind=kind, ended_at=None, defaults={"evidence": evidence[:200]}
    )
    _look.forget()
    if not is_new:
        return
    log.critical("an incident at Stripe has begun: %s (%s)", kind, evidence)
    tell_ops(
        subject=f"Incident: {Kind(kind).label}",
        body=f"{evidence}.\n\n{_MEANING[Kind(kind)]}\n\nThe ops desk lists it under Incidents at Stripe.",
        dedupe_key=f"incident:{kind}:{time.time_ns()}",
    )


def end(kind: str, *, by: str) -> bool:
    """End the open incident of that kind; False if there is none."""
    ended = StripeIncident.objects.filter(kind=kind, ended_at=None).update(ended_at=Now(), ended_by=by[:200])
    _look.forget()
    if ended:
        log.warning("the incident at Stripe is over: %s (%s)", kind, by)
    return bool(ended)


_MEANING = {
    Kind.OUTAGE: "Checks are put off until Stripe answers again; one every ten seconds finds out. Nothing is marked.",
    Kind.REFUSALS: (
        "That is more than merchants do on their own, so no key is called dead for now: each is asked about again "
        "every few minutes. If Stripe tells you that the keys are really gone, end the incident in the ops desk; "
        "refused keys then end at their next check."
    ),
}
