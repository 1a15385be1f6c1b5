"""Who brings the keys of a merchant: the merchant, by pasting them, or the app. One command, one transaction each."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Merchant, User
from accounts.services import locked_while_open
from stripe_keys import lifecycle, minting_rows, purposes
from stripe_keys.lifecycle import actor_name
from stripe_keys.managed import consent
from stripe_keys.minting_rows import AskedTooOften
from stripe_keys.models import DEFAULT_PURPOSE, KeyManagement, Minting, RestrictedKey, StripeInstall

__all__ = ["AskedTooOften"]

Status = RestrictedKey.Status
_OWN = "The merchant brings the keys from now on."
_REMOVED = "The merchant removed the key that it was to follow."


class NotOffered(Exception):
    """Managed keys are not offered in this mode, or no account is connected; the page says what to do first."""


class NotPossibleNow(Exception):
    """A key is being made already, or the merchant brings the keys."""


class AppMakesTheKeys(Exception):
    """No key is taken there until the merchant has chosen to bring the keys; the page leads to that choice."""


def is_offered(*, livemode: bool) -> bool:
    """Whether the partner offers managed keys in that mode (MANAGED_KEYS)."""
    return ("live" if livemode else "test") in settings.MANAGED_KEYS


def connected_install(merchant: Merchant, *, livemode: bool) -> StripeInstall | None:
    """What connects the account on which the app may make keys; None where at most the merchant's word does."""
    installs = StripeInstall.objects.filter(
        merchant=merchant, livemode=livemode, status=StripeInstall.Status.INSTALLED
    )
    in_turn = installs.order_by("installed_at", "pk")
    proven = [install for install in in_turn if consent.rests_on_stripes_word(install)]
    # A new key takes over only from one of its own account.
    in_use = RestrictedKey.objects.usable().filter(merchant=merchant, livemode=livemode)
    accounts = set(in_use.values_list("stripe_account_id", flat=True))
    first = proven[0] if proven else None
    return next((install for install in proven if install.stripe_account_id in accounts), first)


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
        NotOffered: not in this mode, Stripe has connected no account in it, or no keys of that purpose are asked for.
        MerchantIsClosed: it is too late.
        AskedTooOften: that was chosen, or a new key asked for, many times within the hour.
    """
    locked_while_open(merchant)
    install = connected_install(merchant, livemode=livemode)
    if not is_offered(livemode=livemode) or install is None or not purposes.is_defined(purpose):
        raise NotOffered
    keys = _locked_keys(merchant, livemode, purpose)
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
    _note(keys, user, "The app makes and renews the keys from now on.")
    return management


@transaction.atomic
def bring_own_keys(
    *, merchant: Merchant, user: User, livemode: bool, now: datetime, purpose: str = DEFAULT_PURPOSE
) -> None:
    """Have the merchant bring the keys from now on. The app's key serves until a pasted one has taken over.

    One that the app has just made, and that does not serve yet, is given up: it must not take over any more.

    Raises:
        NotPossibleNow: they do already.
        MerchantIsClosed: it is too late.
    """
    locked_while_open(merchant)
    keys = _locked_keys(merchant, livemode, purpose)
    on = KeyManagement.objects.filter(merchant=merchant, livemode=livemode, purpose=purpose, is_on=True)
    if not _switch_off(on, user, now):
        raise NotPossibleNow
    for key in keys:
        _give_up(key, user, _OWN)
    _note(keys, user, _OWN)


def stop_making(key: RestrictedKey, *, user: User, now: datetime) -> None:
    """A key that the app made was removed: no other one is made in its place, and one that waits to serve is given up.

    The caller holds the locks of the keys of that place.
    """
    if not key.is_app_managed:
        return
    about = {"merchant": key.merchant_id, "livemode": key.livemode, "purpose": key.purpose}
    for other in RestrictedKey.objects.filter(**about, status=Status.PENDING):
        _give_up(other, user, _REMOVED)
    _switch_off(KeyManagement.objects.filter(**about), user, now)
    lifecycle.record(key, actor=actor_name(user), reason="The app makes no other key in its place.")


def refuse_while_the_app_makes_keys(
    merchant: Merchant, *, livemode: bool, purpose: str = DEFAULT_PURPOSE
) -> None:
    """Return only if the merchant brings the keys of that place; who holds the merchant's lock may rely on it.

    Raises:
        AppMakesTheKeys: the app does.
    """
    management = management_of(merchant, livemode=livemode, purpose=purpose)
    if management is not None and management.is_on:
        raise AppMakesTheKeys


@transaction.atomic
def renew(*, management: KeyManagement, user: User, now: datetime, is_ops: bool = False) -> None:
    """Have a new key made now; the old one serves until the new one is proven.

    Raises:
        NotPossibleNow: one is being made already, or the merchant brings the keys.
        AskedTooOften: the merchant has had many made within the hour; support may have more made.
    """
    reason = Minting.Reason.OPS if is_ops else Minting.Reason.ASKED
    if (
        minting_rows.request(minting_rows.locked(management), reason=reason, now=now, requested_by=user)
        is None
    ):
        raise NotPossibleNow


def lock_place_of(key: RestrictedKey) -> None:
    """Lock the kept keys of the place of `key`, as everybody does who needs more than one of them."""
    _locked_keys(key.merchant, key.livemode, key.purpose)


def _give_up(key: RestrictedKey, user: User, why: str) -> None:
    """Remove a key that the app made and that does not serve yet: it must not take over any more."""
    if key.status == Status.PENDING and key.is_app_managed:
        lifecycle.move(key, Status.REMOVED, actor=actor_name(user), reason=why, code="by_merchant")


def _locked_keys(merchant: Merchant, livemode: bool, purpose: str) -> list[RestrictedKey]:
    """The keys of that place, locked before its management: so do checks that find a key dead."""
    kept = RestrictedKey.objects.kept().filter(merchant=merchant, livemode=livemode, purpose=purpose)
    return list(kept.locked_in_turn())


def _switch_off(which: QuerySet[KeyManagement], user: User, now: datetime) -> bool:
    return bool(which.update(is_on=False, chosen_by=user, chosen_at=now, next_rotation_at=None, problem=""))


def _note(keys: list[RestrictedKey], user: User, what: str) -> None:
    """A line in the history of the key in use, if there is one."""
    for key in keys:
        if key.status in key.USABLE:
            lifecycle.record(key, actor=actor_name(user), reason=what)
