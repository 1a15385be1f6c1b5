"""New keys in time: before the old one is too old, before it ends, and where there is none at all."""

from datetime import datetime, timedelta
from random import uniform

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils import timezone

from stripe_keys import minting_rows, purposes
from stripe_keys.incidents import brake
from stripe_keys.models import KeyManagement, Minting, RestrictedKey

PLANNED_EVERY_SECONDS = 60
BEFORE_THE_END = timedelta(days=3)
# A key that ends, or is missing, is asked for at this pace at most, however often that fails or it dies.
PACE = timedelta(hours=1)
# Keys that are too old wait for those of others: at most so many are made in a minute. What ends goes first.
_AT_ONCE = 50
_SPREAD = 0.1  # merchants who began in one minute do not fall due in one


def next_after(now: datetime) -> datetime:
    """When a key that is made now is replaced: after MANAGED_KEY_ROTATION_DAYS, or up to a tenth of that before."""
    return now + timedelta(days=settings.MANAGED_KEY_ROTATION_DAYS) * uniform(1 - _SPREAD, 1)  # noqa: S311


def plan() -> None:
    """Ask for the keys that are due; while Stripe refuses the keys of many, for none, as new ones would be refused."""
    if brake.is_on():
        return
    now = timezone.now()
    for management in _due(now)[:_AT_ONCE]:
        with transaction.atomic():
            locked = minting_rows.locked(management)
            if _due(now).filter(pk=locked.pk).exists():  # somebody may have had one made meanwhile
                minting_rows.request(locked, reason=_reason(locked, now), now=now)


def _reason(management: KeyManagement, now: datetime) -> str:
    is_too_old = management.next_rotation_at is not None and management.next_rotation_at <= now
    return Minting.Reason.SCHEDULE if is_too_old or not _serving(management) else Minting.Reason.ENDING


def _serving(management: KeyManagement) -> bool:
    keys = RestrictedKey.objects.usable().filter(
        merchant=management.merchant_id, livemode=management.livemode, purpose=management.purpose
    )
    return keys.exists()


def _due(now: datetime) -> QuerySet[KeyManagement]:
    """The places where a key is wanted now, and none is being made or proven; those first that cannot wait.

    What failed is tried again when `next_rotation_at` says so, and only then.
    """
    of_place = RestrictedKey.objects.filter(
        merchant=OuterRef("merchant"), livemode=OuterRef("livemode"), purpose=OuterRef("purpose")
    )
    serving = of_place.filter(status__in=RestrictedKey.USABLE)
    by_app = serving.filter(managed_by=RestrictedKey.ManagedBy.APP)
    ends = (
        Q(expires_at__lt=now + BEFORE_THE_END) | Q(rotated_at__isnull=False) | Q(quarantined_at__isnull=False)
    )
    mintings = Minting.objects.filter(management=OuterRef("pk"))
    managed = KeyManagement.objects.filter(
        is_on=True,
        merchant__closed_at__isnull=True,
        livemode__in=[mode == "live" for mode in settings.MANAGED_KEYS],
        purpose__in=list(purposes.names()),
    )
    is_urgent = Q(problem="") & (Q(Exists(by_app.filter(ends))) | ~Q(Exists(serving)))
    is_urgent &= ~Q(Exists(mintings.filter(created_at__gt=now - PACE)))
    idle = managed.exclude(Exists(mintings.filter(state__in=["waiting", "claimed"])))
    idle = idle.exclude(Exists(of_place.filter(status=RestrictedKey.Status.PENDING)))
    # A new key would serve at once: whether one that support has suspended is to be replaced, people decide.
    idle = idle.exclude(Exists(serving.filter(suspended_at__isnull=False)))
    urgency = Case(When(is_urgent, then=1), default=0)
    due = idle.filter(Q(next_rotation_at__lte=now) | is_urgent).annotate(urgency=urgency)
    return due.order_by("-urgency", "next_rotation_at", "pk")
