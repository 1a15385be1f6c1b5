"""A key that the app has made and that serves, for tests of what comes after: what workers leave, written at once."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from stripe_keys import lifecycle, sweeps, vault
from stripe_keys.managed import minting, schedule
from stripe_keys.models import (
    AccountPace,
    KeyManagement,
    KeyUse,
    Minting,
    PermissionCheck,
    RestrictedKey,
    StatusChange,
    Validation,
)
from stripe_keys.secret import Secret
from tests.people import merchant_of
from tests.stripe_keys.keys import REQUIRED

if TYPE_CHECKING:
    from tests.stripe_keys.managed.conftest import Managed

APP = "app_1SimulatedPartnerApp"
Status = RestrictedKey.Status


@transaction.atomic
def made(managed: "Managed") -> RestrictedKey:
    """As `managed.key()` after `managed.choose_app()` and `managed.work()`; Stripe has the key, but was not asked.

    `test_made` holds the two together.
    """
    management = managed.choose_app()
    row, now = managed.minting(), timezone.now()
    wishes = {"name": minting.name_at_stripe(row), "permissions": REQUIRED}
    told = managed.at_stripe.admin.create_key(managed.account, livemode=managed.livemode, app=APP, **wishes)
    key = _serving(managed, str(told["id"]), Secret(str(told["token"])))
    Minting.objects.filter(pk=row.pk).update(
        outcome="made",
        key=key,
        stripe_key_id=key.stripe_key_id,
        stripe_account_id=managed.account,
        asked_at=now,
        body={"type": "secret_key", **wishes},
        **_done(),
    )
    KeyManagement.objects.filter(pk=management.pk).update(next_rotation_at=schedule.next_after(now))
    return key


def _done() -> dict[str, Any]:
    """A row that a worker has brought to its end at once."""
    return {
        "state": Minting.State.DONE,
        "attempts": 1,
        "fence": 1,
        "claimed_by": "a test",
        "finished_at": timezone.now(),
    }


def _serving(managed: "Managed", stripe_key_id: str, secret: Secret) -> RestrictedKey:
    merchant, now, mark = merchant_of(managed.ada), timezone.now(), vault.fingerprints(secret)[0]
    key = RestrictedKey(
        merchant=merchant,
        livemode=managed.livemode,
        managed_by=RestrictedKey.ManagedBy.APP,
        status=Status.ACTIVE,
        stripe_account_id=managed.account,
        stripe_key_id=stripe_key_id,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        added_by=managed.ada,
        created_at=now,
        last_checked_at=now,
        last_ok_at=now,
    )
    key.next_check_at = sweeps.next_check(key, now)
    key.save(force_insert=True)
    vault.encrypt(key, secret).save(force_insert=True)
    lane = {"merchant": merchant, "lane": str(merchant.pk), "priority": lifecycle.URGENT}
    check = Validation.objects.create(
        key=key, reason=Validation.Reason.ADDED, verdict=Status.ACTIVE, **lane, **_done()
    )
    PermissionCheck.objects.bulk_create(
        PermissionCheck(key=key, validation=check, permission=name, outcome="granted") for name in REQUIRED
    )
    StatusChange.objects.bulk_create(
        StatusChange(key=key, from_status=Status.PENDING, to_status=to, actor=actor, reason=reason)
        for to, actor, reason in (
            (Status.PENDING, "the app", "The app made this key at Stripe."),
            (Status.ACTIVE, "Stripe", "Stripe accepts it, with every permission."),
        )
    )
    KeyUse.objects.create(key=key, actor="validation worker", reason="Key added")
    AccountPace.objects.create(merchant=merchant, livemode=managed.livemode, free_at=now)
    return key
