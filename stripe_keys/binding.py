"""Which merchant a Stripe account belongs to here: one per account and mode, as the database promises."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Merchant
from accounts.services import MerchantIsClosed, locked_while_open
from stripe_keys.models import RestrictedKey, StripeInstall

Status = StripeInstall.Status


class InstallRefused(Exception):
    """Nothing is bound; `code` names the sentence to show, and `accounts` those that it speaks of."""

    def __init__(self, code: str, accounts: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.accounts = accounts


def bind(
    *, merchant: Merchant, stripe_account_id: str, livemode: bool, proof: str, now: datetime
) -> StripeInstall:
    """The install that binds this account and mode to `merchant`, made here if it is not there.

    Raises:
        InstallRefused: the account is bound to another merchant (`taken`), or this one is closed (`closed`).
    """
    try:
        with transaction.atomic():
            locked_while_open(merchant)
            install, _ = StripeInstall.objects.get_or_create(
                stripe_account_id=stripe_account_id,
                livemode=livemode,
                status=Status.INSTALLED,
                merchant=merchant,
                defaults={"proof": proof, "installed_at": now},
            )
    except IntegrityError:
        raise InstallRefused("taken") from None
    except MerchantIsClosed:
        raise InstallRefused("closed") from None
    return install


def connected_accounts(key: RestrictedKey) -> list[str]:
    """The accounts that the merchant of `key` has connected in its mode, the first one first."""
    installed = StripeInstall.objects.filter(
        merchant=key.merchant_id, livemode=key.livemode, status=Status.INSTALLED
    )
    return list(installed.order_by("installed_at", "pk").values_list("stripe_account_id", flat=True))


def is_anothers(key: RestrictedKey, stripe_account_id: str) -> bool:
    """Whether another merchant than that of `key` has this account connected in the key's mode."""
    installed = StripeInstall.objects.filter(livemode=key.livemode, status=Status.INSTALLED)
    return installed.filter(stripe_account_id=stripe_account_id).exclude(merchant=key.merchant_id).exists()


def is_known_to_be_theirs(key: RestrictedKey, stripe_account_id: str) -> bool:
    """Whether the merchant of `key` has or had this account connected, in either mode, and nobody else has now."""
    ever = StripeInstall.objects.filter(stripe_account_id=stripe_account_id)
    elsewhere = ever.filter(status=Status.INSTALLED).exclude(merchant=key.merchant_id)
    return ever.filter(merchant=key.merchant_id).exists() and not elsewhere.exists()


def lock_in_turn(key: RestrictedKey) -> QuerySet[StripeInstall]:
    """Lock the merchant of `key` and what binds the key's account, before anybody locks the key itself.

    Merchant, installs, keys: the order in which everybody locks them. Returns those installs.
    """
    Merchant.objects.select_for_update(no_key=True).get(pk=key.merchant_id)
    installs = StripeInstall.objects.filter(
        stripe_account_id=key.stripe_account_id, livemode=key.livemode, status=Status.INSTALLED
    )
    list(installs.select_for_update(of=("self",)))
    return installs
