"""Time that passes for managed keys, here and at Stripe, without anybody waiting."""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone

from stripe_keys.managed import schedule
from stripe_keys.models import KeyManagement, Minting, Retirement

if TYPE_CHECKING:
    from tests.stripe_keys.managed.conftest import Managed


def fall_due() -> None:
    """Every managed key is as old as it may get."""
    KeyManagement.objects.update(next_rotation_at=timezone.now() - timedelta(seconds=1))


def rotate(managed: "Managed") -> None:
    """A new key is due, and workers do all there is to do."""
    fall_due()
    schedule.plan()
    managed.work()


def let_pass(time: timedelta) -> None:
    """Let mintings and retirements be so much older."""
    Minting.objects.update(created_at=F("created_at") - time, due_at=F("due_at") - time)
    Retirement.objects.update(due_at=F("due_at") - time, expired_at=F("expired_at") - time)
    Retirement.objects.filter(finished_at__isnull=False).update(finished_at=F("finished_at") - time)


def work_after(managed: "Managed", time: timedelta) -> None:
    """Workers do what is due so much later."""
    let_pass(time)
    managed.work()
