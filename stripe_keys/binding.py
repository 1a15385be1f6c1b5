"""Which merchant a Stripe account belongs to here: one per account and mode, as the database promises."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Merchant
from accounts.services import MerchantIsClosed, locked_while_open
from stripe_keys import giving_way
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

    To a return that Stripe has signed, what another merchant has merely named gives way.

    Raises:
        InstallRefused: the account is bound to another merchant (`taken`), or this one is closed (`closed`).
    """
    is_signed = proof == StripeInstall.Proof.SIGNED_RETURN
    try:
        return _bound(merchant, stripe_account_id, livemode, proof, now)
    except InstallRefused as refusal:
        if refusal.code != "taken" or not is_signed:
            raise
    with transaction.atomic():
        if giving_way.end_claims(
            stripe_account_id=stripe_account_id, livemode=livemode, signed_for=merchant, now=now
        ):
            return _bound(merchant, stripe_account_id, livemode, proof, now)
    raise InstallRefused("taken")


def _bound(
    merchant: Merchant, stripe_account_id: str, livemode: bool, proof: str, now: datetime
) -> StripeInstall:
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
    if proof == StripeInstall.Proof.SIGNED_RETURN and (install.proof != proof or install.reported_gone_at):
        # Stripe's word is more than the merchant's, and than an event that says that the app was uninstalled before.
        install.proof, install.reported_gone_at = proof, None
        install.save(update_fields=["proof", "reported_gone_at"])
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


def end_if_unused(key: RestrictedKey, now: datetime) -> None:
    """End what the merchant's word bound for `key`, which has ended, unless another kept key of theirs is of it."""
    account = {
        "merchant": key.merchant_id,
        "livemode": key.livemode,
        "stripe_account_id": key.stripe_account_id,
    }
    if not RestrictedKey.objects.kept().filter(**account).exists():
        StripeInstall.objects.filter(
            **account, status=Status.INSTALLED, proof=StripeInstall.Proof.MERCHANT
        ).update(status=Status.UNINSTALLED, uninstalled_at=now)


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
