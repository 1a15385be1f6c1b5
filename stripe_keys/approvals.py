"""Permissions that a newer version of our app asks for and that wait for the merchant's approval in Stripe."""

from dataclasses import dataclass

from accounts.models import Merchant
from stripe_keys import app_installs, managed_problems, our_apps, permissions
from stripe_keys.account_names import short_account
from stripe_keys.installs import is_second_app_offered
from stripe_keys.models import AppOnAccount, KeyManagement, RestrictedKey, StripeInstall

_NAMED = 8


@dataclass(frozen=True)
class Approval:
    """One thing to approve: where, for which permissions, and the page in Stripe on which it is done."""

    account: str
    words: tuple[str, ...]
    unnamed: int
    address: str


def awaited(merchant: Merchant, *, livemode: bool) -> list[Approval]:
    """What waits in that mode, of whichever app of ours."""
    return [_approval(told) for told in _waiting(merchant, livemode=livemode)]


def awaited_for(key: RestrictedKey) -> list[Approval]:
    """What waits on the account of `key`, for the app that it comes from; nothing for a key that has ended."""
    if not key.is_kept or not key.stripe_account_id:
        return []
    return [
        _approval(told)
        for told in _waiting(key.merchant, livemode=key.livemode)
        if told.app == app_installs.behind(key) and told.install.stripe_account_id == key.stripe_account_id
    ]


def is_second_app_wanted(merchant: Merchant, *, livemode: bool) -> bool:
    """Whether the app that makes keys is another one, and the merchant has yet to install it, as far as is known."""
    if not is_second_app_offered(livemode=livemode):
        return False
    managements = KeyManagement.objects.filter(merchant=merchant, livemode=livemode, is_on=True)
    if managements.filter(problem=managed_problems.NOT_INSTALLED).exists():
        return True
    there = AppOnAccount.objects.filter(
        install__merchant=merchant,
        install__livemode=livemode,
        install__status=StripeInstall.Status.INSTALLED,
        app=our_apps.MANAGING,
        left_at__isnull=True,
    )
    return not there.exists() and not managements.exists()


def _waiting(merchant: Merchant, *, livemode: bool) -> list[AppOnAccount]:
    told = AppOnAccount.objects.filter(
        install__merchant=merchant,
        install__livemode=livemode,
        install__status=StripeInstall.Status.INSTALLED,
        left_at__isnull=True,
    )
    return [one for one in told.select_related("install").order_by("pk") if one.waits_for_approval]


def _approval(told: AppOnAccount) -> Approval:
    pending = told.permissions_pending
    return Approval(
        account=short_account(told.install.stripe_account_id),
        words=tuple(permissions.words_for(name) for name in pending[:_NAMED]),
        unnamed=max(len(pending) - _NAMED, 0),
        address=our_apps.settings_url(livemode=told.install.livemode, app=told.app),
    )
