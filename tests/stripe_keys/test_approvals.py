"""Permissions that wait for the merchant's approval in Stripe: kept, shown with what to do, and gone once approved."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from stripe_keys import approvals, install_reports, our_apps
from stripe_keys.gateway import app_answers
from stripe_keys.models import AppOnAccount, RestrictedKey, StripeInstall
from tests.people import merchant_of
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.stripe_keys.proven import proven

TITLE = "New permissions wait for your approval in Stripe"


@pytest.fixture
def theirs(ada: User, at_stripe: AtStripe, app_known_by_id: None) -> StripeKey:
    """Ada's key at Stripe."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, theirs: StripeKey) -> RestrictedKey:
    """The same key here, in use."""
    return proven(ada, theirs)


def install_at_stripe(at_stripe: AtStripe, account: str) -> str:
    return next(str(each["id"]) for each in at_stripe.admin.installs() if each["account"] == account)


def ask_for(at_stripe: AtStripe, account: str, *permissions: str) -> None:
    """A newer version of the app asks for more, and the site asks Stripe about the install."""
    address = f"/installs/{install_at_stripe(at_stripe, account)}/ask"
    at_stripe.admin.post(address, permissions=list(permissions))
    assert install_reports.installed_at_stripe(account, livemode=False)


def pages_about(key: RestrictedKey) -> list[str]:
    return [
        reverse("stripe_keys:key_list"),
        reverse("stripe_keys:connect", args=["test"]),
        reverse("stripe_keys:key_detail", args=[key.pk]),
        reverse("stripe_keys:key_permissions", args=[key.pk]),
    ]


def test_what_waits_for_approval_is_said_with_what_to_do_until_it_is_approved(
    ada: User, at_stripe: AtStripe, theirs: StripeKey, key: RestrictedKey, client: Client
) -> None:
    client.force_login(ada)
    ask_for(at_stripe, theirs.account, "payout_write", "rak_not_in_any_list")
    waiting = [client.get(page).content.decode() for page in pages_about(key)]

    at_stripe.admin.post(f"/installs/{install_at_stripe(at_stripe, theirs.account)}/approve")
    install_reports.installed_at_stripe(theirs.account, livemode=False)
    approved = [client.get(page).content.decode() for page in pages_about(key)]

    assert [page.count(TITLE) for page in waiting] == [1, 1, 1, 1]
    for page in waiting:
        assert "Payouts: write, rak_not_in_any_list" in page
        assert f'href="{our_apps.settings_url(livemode=False)}"' in page
    assert [page.count(TITLE) for page in approved] == [0, 0, 0, 0]


def test_approval_without_names_is_still_asked_for(
    ada: User, at_stripe: AtStripe, theirs: StripeKey, key: RestrictedKey, client: Client
) -> None:
    client.force_login(ada)
    ask_for(at_stripe, theirs.account)
    AppOnAccount.objects.update(approval_required=True)

    page = client.get(reverse("stripe_keys:key_list")).content.decode()

    assert "What Ledgerline’s app asks for has changed" in page


def test_only_the_merchant_of_the_account_hears_of_it_and_only_in_its_mode(
    ada: User, eve: User, at_stripe: AtStripe, theirs: StripeKey
) -> None:
    ask_for(at_stripe, theirs.account, "payout_write")

    assert len(approvals.awaited(merchant_of(ada), livemode=False)) == 1
    assert approvals.awaited(merchant_of(ada), livemode=True) == []
    assert approvals.awaited(merchant_of(eve), livemode=False) == []


def test_key_that_has_ended_asks_for_nothing(
    at_stripe: AtStripe, theirs: StripeKey, key: RestrictedKey
) -> None:
    ask_for(at_stripe, theirs.account, "payout_write")
    assert approvals.awaited_for(key)

    RestrictedKey.objects.update(status=RestrictedKey.Status.REMOVED)
    key.refresh_from_db()

    assert approvals.awaited_for(key) == []


def test_what_one_of_two_apps_waits_for_is_not_said_of_the_others_keys(
    key: RestrictedKey, settings: Settings
) -> None:
    settings.STRIPE_MANAGED_APP_OBJECT_ID = "app_1SimulatedSecondApp"
    install = StripeInstall.objects.get()
    AppOnAccount.objects.create(install=install, app="managing", approval_required=True)

    assert approvals.awaited_for(key) == []
    key.managed_by = RestrictedKey.ManagedBy.APP
    assert len(approvals.awaited_for(key)) == 1


def test_account_that_is_nobodys_here_is_not_remembered(at_stripe: AtStripe, app_known_by_id: None) -> None:
    stranger = at_stripe.key()

    assert install_reports.installed_at_stripe(stranger.account, livemode=False)

    assert not AppOnAccount.objects.exists()


def test_what_stripe_says_of_an_install_is_kept(at_stripe: AtStripe, theirs: StripeKey) -> None:
    install_reports.installed_at_stripe(theirs.account, livemode=False)

    told = AppOnAccount.objects.get()
    assert told.stripe_install_id == install_at_stripe(at_stripe, theirs.account)
    assert (told.app, told.status, told.approval_required) == ("pasting", "installed", False)
    assert "charge_read" in told.permissions_granted
    assert told.checked_at is not None


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({}, app_answers.InstallFacts()),
        ({"id": 7, "status": ["installed"], "approval_required": "yes"}, app_answers.InstallFacts()),
        ({"id": "appinst_" + "x" * 200, "status": "thinking"}, app_answers.InstallFacts()),
        (
            {"permissions_pending": ["charge_read", "<b>", 5, None, "x" * 81, "charge_read"]},
            app_answers.InstallFacts(permissions_pending=("charge_read",)),
        ),
        ({"permissions_granted": {"charge_read": True}}, app_answers.InstallFacts()),
    ],
    ids=["nothing", "kinds", "lengths", "names", "no_list"],
)
def test_odd_words_about_an_install_are_left_out(row: dict[str, Any], kept: app_answers.InstallFacts) -> None:
    assert app_answers.install_in(row) == kept


def test_no_more_permissions_are_kept_than_there_can_be() -> None:
    facts = app_answers.install_in({"permissions_granted": [f"p{number}_read" for number in range(500)]})

    assert len(facts.permissions_granted) == app_answers.MOST_PERMISSIONS


def test_ops_see_whose_approval_is_awaited(
    eve: User, at_stripe: AtStripe, theirs: StripeKey, olgas_browser: Client
) -> None:
    other = at_stripe.bound_key(eve)
    ask_for(at_stripe, theirs.account, "payout_write")
    listed = reverse("admin:stripe_keys_stripeinstall_changelist")

    waiting = olgas_browser.get(listed, {"approval": "waits"}).content.decode()
    install = AppOnAccount.objects.get().install
    page = olgas_browser.get(
        reverse("admin:stripe_keys_stripeinstall_change", args=[install.pk])
    ).content.decode()

    assert "Waits for the merchant" in waiting
    assert theirs.account in waiting
    assert other.account not in waiting
    assert "payout_write" in page
