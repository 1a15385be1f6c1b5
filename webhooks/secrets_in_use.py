"""Which signing secrets deliveries come with, and whether a previous one may be removed from the settings."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Now, Replace
from django.utils import timezone

from webhooks import sightings, signature
from webhooks.models import EventNotification, SigningSecretUse
from work.models import PeriodicSlot

JOB = "see-which-secrets-are-used"
LOOKED_EVERY_SECONDS = 60
# As long as Stripe lets an old secret live at most, when one is rolled (docs/stripe-assumptions.md).
OVERLAP = timedelta(hours=24)
KEPT = timedelta(days=400)
_PREVIOUS = "previous"
_FIRST_LOOK_BACK = timedelta(days=30)
_LATE_COMMITS = timedelta(seconds=60)
# Processes that have not read the new settings yet know the old secret by the new one's name.
_DEPLOYMENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Standing:
    """What a secret is for, and what to do about it, in a sentence; `may_go` only where it is safe to remove."""

    role: str
    advice: str
    may_go: bool = False

    @property
    def is_previous(self) -> bool:
        """Whether another secret replaces it."""
        return self.role == _PREVIOUS


def look() -> None:
    """Write down what the events since the last look were signed with, and which secrets are configured."""
    since = _last_look() - _LATE_COMMITS
    seen = (
        EventNotification.objects.filter(created_at__gt=since)
        .exclude(secret_name="")
        .order_by()
        .values("secret_name")
        .annotate(first=Min("created_at"), last=Max("created_at"))
    )
    for each in seen:
        sightings.note_seen(each["secret_name"], first=each["first"], last=each["last"])
    _note_configured({secret.name for secret in signature.signing_secrets()})


def _last_look() -> datetime:
    """From the job's own slots: a worker that was away for hours goes on where the last one was."""
    done = PeriodicSlot.objects.filter(job=JOB, state=PeriodicSlot.State.DONE).order_by("-slot").first()
    return done.slot if done is not None else timezone.now() - _FIRST_LOOK_BACK


def _note_configured(names: set[str]) -> None:
    uses = SigningSecretUse.objects.all()
    uses.bulk_create([SigningSecretUse(name=name) for name in names], ignore_conflicts=True)
    uses.filter(name__in=names, configured_since=None).update(configured_since=Now())
    gone = uses.exclude(name__in=names)
    gone.exclude(configured_since=None).update(configured_since=None)
    gone.filter(last_seen_at=None).delete()  # it came and went, and nothing was ever signed with it
    gone.filter(last_seen_at__lt=timezone.now() - KEPT).delete()


def with_successors(uses: QuerySet[SigningSecretUse]) -> QuerySet[Any]:
    """The same rows, each with `current_seen_at`: when the secret that replaces a previous one was last seen."""
    name = Replace(OuterRef("name"), Value(signature.PREVIOUS), Value(""))
    current = SigningSecretUse.objects.filter(name=name)
    return uses.annotate(current_seen_at=Subquery(current.values("last_seen_at")))


def standing(use: SigningSecretUse, *, current_seen_at: datetime | None, now: datetime) -> Standing:
    """What a secret is for; `current_seen_at` is when the one that replaces it, if any, was last seen."""
    names = {secret.name for secret in signature.signing_secrets()}
    if use.name not in names:
        return Standing("no longer configured", _of_unconfigured(use, now))
    if not signature.is_previous(use.name):
        return Standing("current", "In use." if use.last_seen_at else "Nothing was signed with it so far.")
    return _of_previous(use, current_seen_at, now)


def _of_unconfigured(use: SigningSecretUse, now: datetime) -> str:
    if use.last_seen_at is not None and now - use.last_seen_at < OVERLAP:
        return "Used within the last day. If Stripe still signs with it, deliveries are refused: look for 400s there."
    return "Nothing to do."


def _of_previous(use: SigningSecretUse, current_seen_at: datetime | None, now: datetime) -> Standing:
    """Safe to remove: the new secret is at work, and for a day nothing has needed the old one."""
    role = _PREVIOUS
    since = use.configured_since
    if since is None:
        return Standing(role, "Not yet safe to remove: it was configured only just now.")
    last_needed = max(since, use.last_seen_at or since)
    if current_seen_at is None or current_seen_at < since + _DEPLOYMENT:
        return Standing(role, "Not yet safe to remove: nothing was signed with the new secret so far.")
    if now - last_needed < OVERLAP:
        until = last_needed + OVERLAP
        why = (
            "deliveries needed it within the last day"
            if last_needed > since
            else "it is the roll's first day"
        )
        return Standing(role, f"Not yet safe to remove: {why}. Look again after {until:%d %b %H:%M} UTC.")
    return Standing(role, "Safe to remove: for a day and more nothing has needed it.", may_go=True)
