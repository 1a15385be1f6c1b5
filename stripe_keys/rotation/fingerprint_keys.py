"""Kept keys get a fingerprint under the primary fingerprint key; ended keys cannot, because their text is gone.

The order that loses no duplicate: put the new fingerprint key second in FINGERPRINT_KEYS and deploy, so that every
process looks for both; put it first and deploy; run this; leave the old one behind it for as long as leaks of ended
keys should be recognised.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count

from stripe_keys import lifecycle, vault
from stripe_keys.models import RestrictedKey, RestrictedKeyQuerySet

_BATCH = 500


@dataclass(slots=True)
class Outcome:
    """What became of a run: how many keys were marked anew, and which were not, by id."""

    marked: int = 0
    unreadable: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    stopped: str = ""


def kept_on_old_keys() -> RestrictedKeyQuerySet:
    """Kept keys whose fingerprint another fingerprint key than the primary made.

    Stand-ins stay as they are: their fingerprint is that of a text which is not here, and they end within moments.
    """
    return (
        RestrictedKey.objects.kept()
        .originals()
        .exclude(fingerprint_key_id=vault.primary_fingerprint_key_id())
    )


def counts(keys: RestrictedKeyQuerySet) -> dict[str, int]:
    """How many of `keys` each fingerprint key has marked."""
    marked = keys.order_by("fingerprint_key_id").values_list("fingerprint_key_id")
    return dict(marked.annotate(count=Count("pk")).values_list("fingerprint_key_id", "count"))


def ended_on_old_keys() -> dict[str, int]:
    """How many ended keys stay on each fingerprint key that is no longer the primary."""
    ended = RestrictedKey.objects.exclude(status__in=RestrictedKey.KEPT)
    return counts(ended.exclude(fingerprint_key_id=vault.primary_fingerprint_key_id()))


def mark_anew(*, on_progress: Callable[[int], object], keys: RestrictedKeyQuerySet | None = None) -> Outcome:
    """Give kept keys a fingerprint under the primary fingerprint key; `on_progress` hears of each one.

    Without `keys`, those whose fingerprint another one made; with all that are kept, it also repairs those that a wrong
    key of the primary's name has marked.

    Raises:
        BadKeyMaterial: the fingerprint keys are unusable.
    """
    outcome = Outcome()
    try:
        for key in _in_turn(kept_on_old_keys() if keys is None else keys):
            _mark(key, outcome)
            on_progress(1)
    except vault.KeyServiceAway as problem:
        outcome.stopped = str(problem)
    return outcome


def _in_turn(rows: RestrictedKeyQuerySet) -> Iterator[RestrictedKey]:
    seen = UUID(int=0)
    while keys := list(rows.filter(pk__gt=seen).order_by("pk")[:_BATCH]):
        seen = keys[-1].pk
        yield from keys


def _mark(key: RestrictedKey, outcome: Outcome) -> None:
    try:
        outcome.marked += _swap(key)
    except vault.NothingStored:
        if RestrictedKey.objects.kept().filter(pk=key.pk).exists():
            outcome.unreadable.append(str(key.pk))
    except vault.KeyServiceAway:
        raise
    except vault.VaultError:
        outcome.unreadable.append(str(key.pk))
    except IntegrityError:
        outcome.doubles.append(str(key.pk))


def _swap(key: RestrictedKey) -> int:
    """Write the new fingerprint if the key still is as it was read; that it was opened is recorded with it."""
    unchanged = RestrictedKey.objects.kept().filter(
        pk=key.pk, fingerprint=key.fingerprint, fingerprint_key_id=key.fingerprint_key_id
    )
    with transaction.atomic():
        lifecycle.record_use(key, actor="rotation", reason="New fingerprint")
        mark = vault.fingerprint_again(key)
        try:
            with transaction.atomic():
                return unchanged.update(fingerprint=mark.digest, fingerprint_key_id=mark.key_id)
        except IntegrityError as problem:
            double = problem
    raise double  # after the record: the key was opened
