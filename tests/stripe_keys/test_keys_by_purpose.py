"""A key for each purpose: brought, proven, handed out and ended each by itself."""

from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import clients, needs, purposes, surveys
from stripe_keys.models import RestrictedKey, Validation
from stripe_keys.portrait import least_privilege
from tests.people import merchant_of
from tests.stripe_keys.keys import AtStripe, check_again, checked, paste
from tests.stripe_keys.purposes import BILLING, GENERAL, ask_for_two_keys
from tests.stripe_keys.rows import a_check, a_key

Status = RestrictedKey.Status


@pytest.fixture(autouse=True)
def two_keys(settings: Settings, tmp_path: Path) -> None:
    """An app that asks for two."""
    ask_for_two_keys(settings, tmp_path)


@pytest.fixture
def billing_key(ada: User, at_stripe: AtStripe) -> RestrictedKey:
    """Ada's proven key for billing, with just what that needs."""
    token = at_stripe.bound_key(ada, permissions=list(BILLING)).token
    return checked(paste(ada, token, purpose="billing"))


def names_of(key: RestrictedKey) -> set[str]:
    """What the key is checked for."""
    return {one.permission for one in needs.of(key)}


def test_a_key_is_proven_by_what_its_own_purpose_needs(
    ada: User, at_stripe: AtStripe, billing_key: RestrictedKey
) -> None:
    token = at_stripe.key(billing_key.stripe_account_id, permissions=list(BILLING)).token
    general = checked(paste(ada, token))

    assert billing_key.status == Status.ACTIVE
    assert general.status == Status.LIMITED, "it lacks charge_read, which only the general key needs"


def test_each_purpose_has_its_own_client(ada: User, at_stripe: AtStripe, billing_key: RestrictedKey) -> None:
    merchant = merchant_of(ada)
    with pytest.raises(clients.NoKey) as refusal:
        clients.stripe_client(merchant=merchant, livemode=False)
    token = at_stripe.key(billing_key.stripe_account_id, permissions=list(GENERAL)).token
    general = checked(paste(ada, token))

    clients.stripe_client(merchant=merchant, livemode=False, purpose="billing").v1.invoices.list()
    clients.stripe_client(merchant=merchant, livemode=False).v1.charges.list()

    assert refusal.value.purpose == "default"
    assert {key.uses.filter(actor="partner code").count() for key in (billing_key, general)} == {1}


def test_refusals_say_for_which_purpose_there_is_no_key(ada: User) -> None:
    a_key(ada, "expired", purpose="billing")

    with pytest.raises(clients.KeyExpired, match=r"asked for: billing") as refusal:
        clients.stripe_client(merchant=merchant_of(ada), livemode=False, purpose="billing")
    assert refusal.value.purpose == "billing"
    with pytest.raises(clients.NoKey, match=r"asked for: billing"):
        clients.stripe_client(merchant=merchant_of(ada), livemode=True, purpose="billing")


def test_a_purpose_that_nobody_defined_is_called_unknown(ada: User) -> None:
    with pytest.raises(clients.UnknownPurpose, match="biling"):
        clients.stripe_client(merchant=merchant_of(ada), livemode=False, purpose="biling")


def test_one_key_does_not_serve_two_purposes(
    ada: User, at_stripe: AtStripe, billing_key: RestrictedKey
) -> None:
    token = at_stripe.key(billing_key.stripe_account_id).token
    kept = paste(ada, token)

    with pytest.raises(purposes.ServesAnother) as refusal:
        paste(ada, token, purpose="billing")

    assert refusal.value.purpose == kept.purpose
    assert set(RestrictedKey.objects.kept()) == {kept, billing_key}


def test_a_new_key_takes_over_within_its_purpose_alone(
    ada: User, at_stripe: AtStripe, billing_key: RestrictedKey
) -> None:
    account = billing_key.stripe_account_id
    general = checked(paste(ada, at_stripe.key(account).token))

    newer = checked(paste(ada, at_stripe.key(account).token, purpose="billing"))

    general.refresh_from_db()
    billing_key.refresh_from_db()
    assert (newer.status, general.status, billing_key.status) == ("active", "active", "replaced")


def test_what_another_purpose_needs_is_too_much_for_a_key(ada: User) -> None:
    key = a_key(ada, purpose="billing")
    asked = {probe.permission for probe in surveys.questions(key)}

    report = least_privilege.draw(key, now=key.created_at)

    assert {one.permission for one in report.needs} == set(BILLING)
    assert "charge_read" in asked
    assert "invoice_read" not in asked


def test_mail_names_what_the_purpose_lacks(
    ada: User, at_stripe: AtStripe, billing_key: RestrictedKey
) -> None:
    at_stripe.admin.change_key(billing_key.stripe_key_id, permissions=["charge_read"])

    check_again(billing_key)

    body = Notice.objects.get(dedupe_key__startswith=f"limited:{billing_key.pk}").body
    assert "For invoice_read." in body
    assert "What this key is used for: Billing & books." in body
    assert "For charge_read." not in body


# --- A purpose that was given up -------------------------------------------------------------------------------------


def test_a_key_of_a_given_up_purpose_is_checked_for_what_it_last_needed(
    settings: Settings, billing_key: RestrictedKey
) -> None:
    settings.KEY_PURPOSES = []

    again = check_again(billing_key)

    assert again.status == Status.ACTIVE
    assert names_of(again) == set(BILLING)
    assert clients.stripe_client(merchant=again.merchant, livemode=False, purpose="billing")


def test_what_surveys_and_older_checks_asked_does_not_count_as_needed(settings: Settings, ada: User) -> None:
    key = a_key(ada, purpose="old")
    assert names_of(key) == set(GENERAL), "of a key that was never checked nothing else is known"
    a_check(key, {"payout_read": "missing"})
    a_check(key, {"invoice_read": "granted", "customer_read": "granted"})
    survey = a_check(key, {"dispute_read": "granted"})
    Validation.objects.filter(pk=survey.pk).update(reason=Validation.Reason.SURVEY)

    a_check(key, {"charge_read": "granted"}, state=Validation.State.CLAIMED)

    assert names_of(key) == {"invoice_read", "customer_read", "charge_read"}
