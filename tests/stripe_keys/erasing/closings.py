"""A merchant with a key to lose, closing their account, and what is left of them."""

from django.utils import timezone

from accounts.models import Merchant, User
from stripe_keys.erasing import closing
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey, StripeInstall
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import bind_account, paste

ACCOUNT = "acct_1ClosedLater000"
CLOSE, ERASED = "/stripe/close/", "/stripe/erased/"


def a_serving_key(user: User) -> RestrictedKey:
    """A key of `user` that serves, with an envelope, of an account that is bound to them."""
    bind_account(user, ACCOUNT)
    pasted = paste(user, a_restricted_key())
    RestrictedKey.objects.filter(pk=pasted.pk).update(status="active", stripe_account_id=ACCOUNT)
    pasted.refresh_from_db()
    return pasted


def close(user: User) -> int:
    """Close the account of `user`'s merchant, as its page does."""
    return closing.close_merchant(merchant=merchant_of(user), user=user, now=timezone.now())


def stored_of(merchant: Merchant) -> tuple[int, int, int]:
    """Envelopes, data keys and installs that are left."""
    return (
        KeyEnvelope.objects.filter(key__merchant=merchant).count(),
        MerchantDataKey.objects.filter(merchant=merchant).count(),
        StripeInstall.objects.filter(merchant=merchant, status="installed").count(),
    )
