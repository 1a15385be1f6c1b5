"""Who brings the keys of a merchant: the merchant, by pasting them, or the app. One command, one transaction each."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import Merchant, User
from accounts.services import locked_while_open
from stripe_keys import minting_rows
from stripe_keys.lifecycle import actor_name, record
from stripe_keys.models import DEFAULT_PURPOSE, KeyManagement, Minting, RestrictedKey, StripeInstall


class NotOffered(Exception):
    """Managed keys are not offered in this mode, or no account is connected; the page says what to do first."""


class NotPossibleNow(Exception):
    """A key is being made already, or the merchant brings the keys."""


def is_offered(*, livemode: bool) -> bool:
    """Whether the partner offers managed keys in that mode (MANAGED_KEYS)."""
    return ("live" if livemode else "test") in settings.MANAGED_KEYS


def management_of(
    merchant: Merchant, *, livemode: bool, purpose: str = DEFAULT_PURPOSE
) -> KeyManagement | None:
    """How the keys of that place come; None where nobody ever chose the app."""
    return KeyManagement.objects.filter(merchant=merchant, livemode=livemode, purpose=purpose).first()


@transaction.atomic
def let_app_manage(
    *, merchant: Merchant, user: User, livemode: bool, now: datetime, purpose: str = DEFAULT_PURPOSE
) -> KeyManagement:
    """Have the app make and renew the keys from now on. A key that serves goes on until the app's first is proven.

    Raises:
        NotOffered: not in this mode, or no account is connected in it.
        MerchantIsClosed: it is too late.
    """
    locked_while_open(merchant)
    install = StripeInstall.objects.filter(
        merchant=merchant, livemode=livemode, status=StripeInstall.Status.INSTALLED
    ).first()
    if not is_offered(livemode=livemode) or install is None:
        raise NotOffered
    management, _ = KeyManagement.objects.select_for_update().update_or_create(
        merchant=merchant,
        livemode=livemode,
        purpose=purpose,
        defaults={
            "stripe_account_id": install.stripe_account_id,
            "is_on": True,
            "chosen_by": user,
            "chosen_at": now,
            "problem": "",
        },
    )
    minting_rows.request(management, reason=Minting.Reason.FIRST, now=now, requested_by=user)
    _note(management, user, "The app makes and renews the keys from now on.")
    return management


@transaction.atomic
def bring_own_keys(
    *, merchant: Merchant, user: User, livemode: bool, now: datetime, purpose: str = DEFAULT_PURPOSE
) -> None:
    """Have the merchant bring the keys from now on. The app's key serves until a pasted one has taken over.

    Raises:
        NotPossibleNow: they do already.
        MerchantIsClosed: it is too late.
    """
    locked_while_open(merchant)
    on = KeyManagement.objects.select_for_update().filter(
        merchant=merchant, livemode=livemode, purpose=purpose, is_on=True
    )
    management = on.first()
    if management is None:
        raise NotPossibleNow
    on.update(is_on=False, chosen_by=user, chosen_at=now, next_rotation_at=None, problem="")
    _note(management, user, "The merchant brings the keys from now on.")


@transaction.atomic
def renew(*, management: KeyManagement, user: User, now: datetime, is_ops: bool = False) -> None:
    """Have a new key made now; the old one serves until the new one is proven.

    Raises:
        NotPossibleNow: one is being made already, or the merchant brings the keys.
    """
    locked = KeyManagement.objects.select_for_update().get(pk=management.pk)
    reason = Minting.Reason.OPS if is_ops else Minting.Reason.ASKED
    if minting_rows.request(locked, reason=reason, now=now, requested_by=user) is None:
        raise NotPossibleNow


def _note(management: KeyManagement, user: User, what: str) -> None:
    """A line in the history of the key in use, if there is one."""
    key = (
        RestrictedKey.objects.usable()
        .filter(merchant=management.merchant_id, livemode=management.livemode, purpose=management.purpose)
        .first()
    )
    if key is not None:
        record(key, actor=actor_name(user), reason=what)
