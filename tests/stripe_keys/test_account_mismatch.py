"""Keys of another account: both accounts are named where both are known to be the merchant's, and only there."""

from django.test import Client
from django.utils import timezone

from accounts.models import User
from stripe_keys.account_names import short_account as short
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.stripe_keys.keys import AtStripe, bind_account, checked, paste
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import page_of

Status = RestrictedKey.Status


def history(key: RestrictedKey) -> str:
    return "\n".join(key.status_changes.values_list("reason", flat=True))


def test_key_of_another_account_than_the_one_it_replaces_names_both(
    ada: User, adas_browser: Client, at_stripe: AtStripe
) -> None:
    old, new = (at_stripe.bound_key(ada) for _ in range(2))
    proven(ada, old)

    key = checked(paste(ada, new.token))

    assert (key.status, key.last_problem) == (Status.REJECTED, "other_account")
    for account in (old.account, new.account):
        assert short(account) in history(key)
        assert page_of(adas_browser, key).count(short(account)) > 1


def test_key_of_an_account_that_was_theirs_names_both(
    ada: User, adas_browser: Client, at_stripe: AtStripe
) -> None:
    before, now = at_stripe.bound_key(ada), at_stripe.bound_key(ada)
    earlier = StripeInstall.objects.filter(stripe_account_id=before.account)
    earlier.update(status=StripeInstall.Status.UNINSTALLED, uninstalled_at=timezone.now())

    page = page_of(adas_browser, checked(paste(ada, before.token)))

    assert "another Stripe account than the one you connected" in page
    for account in (before.account, now.account):
        assert short(account) in page


def test_account_that_was_theirs_and_is_anothers_now_is_not_named(
    ada: User, eve: User, at_stripe: AtStripe
) -> None:
    before, _ = at_stripe.bound_key(ada), at_stripe.bound_key(ada)
    earlier = StripeInstall.objects.filter(stripe_account_id=before.account)
    earlier.update(status=StripeInstall.Status.UNINSTALLED, uninstalled_at=timezone.now())
    bind_account(eve, before.account)

    key = checked(paste(ada, before.token))

    assert (key.last_problem, key.stripe_account_id) == ("not_usable", "")
