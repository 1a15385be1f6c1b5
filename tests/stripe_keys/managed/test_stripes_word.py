"""The app makes keys on an account only where Stripe itself has said whose it is; a merchant's word gets nobody one."""

import pytest
from django.utils import timezone

from stripe_keys.managed.arrangements import NotOffered
from stripe_keys.models import KeyManagement, StripeInstall
from stripe_keys.portrait import mode_page
from tests.people import merchant_of
from tests.stripe_keys.keys import checked, paste
from tests.stripe_keys.managed.conftest import Managed


@pytest.fixture
def merely_named(managed: Managed) -> Managed:
    """The app is on the account, which Ada has connected by her word alone."""
    StripeInstall.objects.update(proof="merchant")
    return managed


def test_who_merely_names_an_account_is_not_offered_keys_of_it(merely_named: Managed) -> None:
    with pytest.raises(NotOffered):
        merely_named.choose_app()

    merchant = merchant_of(merely_named.ada)
    assert not mode_page.may_be_chosen(merchant, livemode=False)
    assert mode_page.connected_account(merchant, livemode=False) == ""


def test_no_key_is_made_where_the_account_is_only_named(managed: Managed) -> None:
    managed.choose_app()
    StripeInstall.objects.update(proof="merchant")

    managed.work()

    assert (managed.minting().outcome, managed.asked()) == ("not_installed", [])


@pytest.mark.parametrize(
    "other",
    [
        {"account_is_claimed": True},
        {"stripe_account_id": "acct_1OfSomebodyElse"},
        {"livemode": True},
        {"managed_by": "app", "stripe_key_id": "mk_1OfTheApp00000"},
    ],
    ids=["named-by-its-merchant", "of-another-account", "of-another-mode", "made-by-the-app"],
)
def test_only_a_key_of_which_stripe_named_the_account_speaks_for_it(
    merely_named: Managed, other: dict[str, object]
) -> None:
    key = checked(paste(merely_named.ada, merely_named.at_stripe.key(merely_named.account).token))
    type(key).objects.update(**other)

    with pytest.raises(NotOffered):
        merely_named.choose_app()


def test_key_that_can_do_little_gets_nobody_one_that_can_do_more(merely_named: Managed) -> None:
    weak = merely_named.at_stripe.key(merely_named.account, permissions=["connected_account_read"])
    assert checked(paste(merely_named.ada, weak.token)).status == "limited"

    with pytest.raises(NotOffered):
        merely_named.choose_app()


def test_key_that_could_do_everything_speaks_for_its_account_after_its_end(merely_named: Managed) -> None:
    checked(paste(merely_named.ada, merely_named.at_stripe.key(merely_named.account).token))

    merely_named.choose_app()
    merely_named.work()
    KeyManagement.objects.update(next_rotation_at=timezone.now())
    merely_named.work()

    assert merely_named.key().is_app_managed
    assert merely_named.minting().outcome == "made"
