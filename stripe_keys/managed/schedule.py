"""New keys in time: before the old one is too old, and before it ends."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from stripe_keys import minting_rows
from stripe_keys.models import KeyManagement, Minting, RestrictedKey

PLANNED_EVERY_SECONDS = 60
BEFORE_THE_END = timedelta(days=3)
_AT_ONCE = 200


def plan() -> None:
    """Ask for the keys that are due."""
    now = timezone.now()
    keys = RestrictedKey.objects.usable().filter(
        merchant=OuterRef("merchant"), livemode=OuterRef("livemode"), purpose=OuterRef("purpose")
    )
    ending = keys.filter(managed_by=RestrictedKey.ManagedBy.APP, expires_at__lt=now + BEFORE_THE_END)
    being_made = Minting.objects.filter(management=OuterRef("pk"), state__in=["waiting", "claimed"])
    due = KeyManagement.objects.filter(is_on=True, merchant__closed_at__isnull=True)
    due = due.annotate(is_ending=Exists(ending)).filter(Q(next_rotation_at__lte=now) | Q(is_ending=True))
    for management in due.exclude(Exists(being_made)).order_by("next_rotation_at")[:_AT_ONCE]:
        is_early = management.next_rotation_at is None or management.next_rotation_at > now
        reason = Minting.Reason.ENDING if is_early else Minting.Reason.SCHEDULE
        with transaction.atomic():
            locked = KeyManagement.objects.select_for_update().get(pk=management.pk)
            minting_rows.request(locked, reason=reason, now=now)
