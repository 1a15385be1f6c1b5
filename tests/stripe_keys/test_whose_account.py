"""Whose account a key is of: Stripe's word, else the merchant's, which Stripe may confirm or contradict later."""

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import installs, lifecycle
from stripe_keys.models import KeyEnvelope, KeySubmission, RestrictedKey, StripeInstall, Validation
from tests.people import a_client_of, a_restricted_key
from tests.stripe_keys.keys import (
    REQUIRED,
    AtStripe,
    StripeKey,
    all_but,
    bind_account,
    check_again,
    checked,
    paste,
)
from tests.stripe_keys.rows import ACCOUNT, a_key, page_of

Status = RestrictedKey.Status
SILENT = all_but("connected_account_read")
ASKED: dict[str, Any] = {"status": "pending", "awaits_account_id": True, "last_problem": "account_unknown"}


@pytest.fixture
def at_vague_stripe(at_stripe: AtStripe) -> AtStripe:
    """A Stripe whose refusals name neither account nor key."""
    at_stripe.admin.switch(error_wording="vague")
    return at_stripe


def name(key: RestrictedKey, user: User, account: str) -> RestrictedKey:
    """Name the account of `key`, and let the worker ask Stripe."""
    installs.name_account(key=key, user=user, stripe_account_id=account, now=timezone.now())
    return checked_twice(key)


def checked_twice(key: RestrictedKey) -> RestrictedKey:
    """Checked, and once more for the permissions, which are asked for only once the account is known to be theirs."""
    checked(key)
    Validation.objects.filter(key=key, state="waiting").update(due_at=timezone.now())
    return checked(key)


def claimed(user: User, stripe_key: StripeKey) -> RestrictedKey:
    """The key in use, its account being the merchant's word alone."""
    return name(checked(paste(user, stripe_key.token)), user, stripe_key.account)


def history(key: RestrictedKey) -> str:
    return "\n".join(key.status_changes.values_list("reason", flat=True))


def to_ops() -> list[Notice]:
    return list(Notice.objects.filter(merchant=None))


def short(account: str) -> str:
    return f"acct_…{account[-4:]}"


# --- Asking ----------------------------------------------------------------------------------------------------------


def test_stripe_naming_nobody_leads_to_the_question(ada: User, at_vague_stripe: AtStripe) -> None:
    key = checked(paste(ada, at_vague_stripe.key(permissions=SILENT).token))

    assert key.is_asked_for_account
    assert not key.validations.filter(state="waiting").exists(), (
        "there is nothing to look for until they answer"
    )
    assert not StripeInstall.objects.exists()


def test_question_is_not_asked_before_stripe_has_answered(ada: User, at_vague_stripe: AtStripe) -> None:
    stripe_key = at_vague_stripe.key(permissions=SILENT)
    at_vague_stripe.admin.add_fault("error", key=stripe_key.id, path="/v1/(?!account$)", times=None)

    key = checked(paste(ada, stripe_key.token))

    assert (key.status, key.is_asked_for_account) == (Status.PENDING, False)


def test_named_account_goes_on_as_the_merchants_word(
    ada: User, adas_browser: Client, at_vague_stripe: AtStripe
) -> None:
    stripe_key = at_vague_stripe.key(permissions=SILENT)
    key = checked(paste(ada, stripe_key.token))

    answer = adas_browser.post(f"/stripe/keys/{key.pk}/account/", {"account": stripe_key.account})

    assert answer.status_code == 303
    key.refresh_from_db()
    assert (key.stripe_account_id, key.account_is_claimed) == (stripe_key.account, True)
    assert not StripeInstall.objects.exists(), "nothing is bound at a mere word"
    assert "We are asking Stripe whether this key reaches" in page_of(adas_browser, key)
    assert checked_twice(key).status == Status.LIMITED
    assert StripeInstall.objects.get().proof == StripeInstall.Proof.MERCHANT
    assert "You named this account; Stripe has not confirmed it." in page_of(adas_browser, key)


def test_account_that_stripe_denies_ends_the_key_and_binds_nothing(
    ada: User, adas_browser: Client, at_vague_stripe: AtStripe
) -> None:
    wrong = at_vague_stripe.admin.create_account()
    key = checked(paste(ada, at_vague_stripe.key(permissions=SILENT).token))

    key = name(key, ada, wrong)

    assert (key.status, key.last_problem) == (Status.REJECTED, "not_the_named_account")
    assert short(wrong) in page_of(adas_browser, key)
    assert not StripeInstall.objects.exists()
    assert not KeyEnvelope.objects.filter(key=key).exists()


def test_only_the_connected_account_may_be_named(
    ada: User, adas_browser: Client, at_vague_stripe: AtStripe
) -> None:
    connected, other = (at_vague_stripe.admin.create_account() for _ in range(2))
    bind_account(ada, connected)
    key = checked(paste(ada, at_vague_stripe.key(permissions=SILENT).token))

    answer = adas_browser.post(f"/stripe/keys/{key.pk}/account/", {"account": other})

    assert answer.status_code == 422
    for account in (connected, other):
        assert short(account) in answer.content.decode()
    key.refresh_from_db()
    assert key.is_asked_for_account


@pytest.mark.django_db
def test_account_of_another_merchant_is_refused_as_when_it_is_confirmed(
    ada: User, eve: User, adas_browser: Client
) -> None:
    bind_account(eve, ACCOUNT)
    named = a_key(ada, **ASKED)
    answer = adas_browser.post(f"/stripe/keys/{named.pk}/account/", {"account": ACCOUNT}, follow=True)
    lifecycle.move(named, Status.REMOVED, actor="", reason="")
    asked = a_key(ada, "pending", awaits_account_confirmation=True, stripe_account_id=ACCOUNT)
    confirmed = adas_browser.post(f"/stripe/keys/{asked.pk}/confirm-account/", {"answer": "yes"}, follow=True)

    said = [[str(one) for one in page.context["messages"]] for page in (answer, confirmed)]

    assert said[0] == said[1] == ["We could not connect this Stripe account. Write to us if it is yours."]


@pytest.mark.django_db
def test_tries_are_limited_however_they_end(
    ada: User, eve: User, adas_browser: Client, settings: Settings
) -> None:
    settings.PASTE_LIMIT_PER_HOUR = 3
    bind_account(eve, ACCOUNT)
    key = a_key(ada, **ASKED)

    answers = [
        adas_browser.post(f"/stripe/keys/{key.pk}/account/", {"account": ACCOUNT}).status_code
        for _ in range(4)
    ]

    assert answers == [303, 303, 303, 429]
    assert set(KeySubmission.objects.values_list("kind", flat=True)) == {"account"}
    said = adas_browser.post(f"/stripe/keys/{key.pk}/account/", {"account": ACCOUNT}).content.decode()
    assert "An account was named too often lately." in unescape(said)


@pytest.mark.django_db
def test_naming_an_account_takes_nothing_from_the_pastes(ada: User, settings: Settings) -> None:
    settings.PASTE_LIMIT_PER_HOUR = settings.PASTE_LIMIT_PER_DAY = 1
    key = a_key(ada, **ASKED)
    installs.name_account(key=key, user=ada, stripe_account_id=ACCOUNT, now=timezone.now())

    assert paste(ada, a_restricted_key()).status == Status.PENDING


@pytest.mark.django_db
def test_account_is_not_confirmed_beside_one_that_was_connected_meanwhile(
    ada: User, adas_browser: Client
) -> None:
    key = a_key(ada, "pending", awaits_account_confirmation=True, stripe_account_id=ACCOUNT)
    connected = "acct_1ConnectedSince0"
    bind_account(ada, connected)

    page = adas_browser.post(f"/stripe/keys/{key.pk}/confirm-account/", {"answer": "yes"}, follow=True)

    (said,) = [str(one) for one in page.context["messages"]]
    for account in (ACCOUNT, connected):
        assert short(account) in said
    assert StripeInstall.objects.get().stripe_account_id == connected
    key.refresh_from_db()
    assert key.awaits_account_confirmation


@pytest.mark.django_db
def test_key_in_the_field_is_refused_and_not_echoed(ada: User, adas_browser: Client) -> None:
    key, token = a_key(ada, **ASKED), a_restricted_key()

    answer = adas_browser.post(f"/stripe/keys/{key.pk}/account/", {"account": token})

    assert answer.status_code == 422
    assert "We did not keep it" in answer.content.decode()
    assert token[8:] not in answer.content.decode()


@pytest.mark.django_db
def test_page_is_for_those_who_were_there_lately_and_for_open_questions(
    ada: User, adas_browser: Client
) -> None:
    asked, active = a_key(ada, **ASKED), a_key(ada)

    late = a_client_of(ada, seconds_ago=3600).get(f"/stripe/keys/{asked.pk}/account/")
    closed = adas_browser.post(f"/stripe/keys/{active.pk}/account/", {"account": ACCOUNT})

    assert "reauthenticate" in late["Location"]
    assert "Where you find the id" in adas_browser.get(f"/stripe/keys/{asked.pk}/account/").content.decode()
    assert adas_browser.get(f"/stripe/keys/{active.pk}/account/").status_code == 303
    assert closed.status_code == 303


# --- Looking again ---------------------------------------------------------------------------------------------------


def test_stripe_confirms_later_what_was_named(ada: User, at_vague_stripe: AtStripe) -> None:
    stripe_key = at_vague_stripe.key(permissions=SILENT)
    key = claimed(ada, stripe_key)
    assert key.account_is_claimed
    at_vague_stripe.admin.change_key(stripe_key.id, permissions=REQUIRED)

    key = check_again(key)

    assert (key.status, key.account_is_claimed) == (Status.ACTIVE, False)
    assert f"Stripe confirmed that it belongs to {short(stripe_key.account)}." in history(key)


def test_claimed_key_that_stripe_says_is_of_another_account_stops_at_once(
    ada: User, adas_browser: Client, at_stripe: AtStripe
) -> None:
    stripe_key, named = at_stripe.key(), at_stripe.admin.create_account()
    key = checked(paste(ada, stripe_key.token))
    installs.confirm_account(key=key, user=ada, now=timezone.now())
    checked(key)
    StripeInstall.objects.update(stripe_account_id=named)
    RestrictedKey.objects.update(stripe_account_id=named, account_is_claimed=True)

    key = check_again(key)

    assert key.status == Status.REMOVED
    assert not KeyEnvelope.objects.filter(key=key).exists()
    assert StripeInstall.objects.get().status == StripeInstall.Status.UNINSTALLED
    assert short(named) in history(key)
    assert short(stripe_key.account) in history(key)
    assert Notice.objects.exclude(merchant=None).count() == 1
    assert str(key.pk) in to_ops()[0].body
    assert "Stripe names another account for this key" in page_of(adas_browser, key)


def test_proven_key_of_which_stripe_suddenly_says_otherwise_is_suspended_and_looked_into(
    ada: User, adas_browser: Client, at_stripe: AtStripe
) -> None:
    key = checked(paste(ada, at_stripe.bound_key(ada).token))
    RestrictedKey.objects.update(stripe_account_id=at_stripe.admin.create_account())

    for _ in range(2):
        key = check_again(key)

        assert (key.status, key.is_usable, key.last_problem) == (Status.ACTIVE, False, "another_account")
    assert len(to_ops()) == Notice.objects.exclude(merchant=None).count() == 1
    page = page_of(adas_browser, key)
    assert "Stripe names another account for this key, so it is not in use." in page
    assert "Support has suspended" not in page


def test_text_of_a_refusal_alone_suspends_nobody_and_alarms_ops(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    RestrictedKey.objects.update(stripe_account_id=at_stripe.admin.create_account())
    at_stripe.admin.change_key(stripe_key.id, permissions=SILENT)

    key = check_again(key)

    assert key.is_usable
    assert "goes on being used" in to_ops()[0].body


def test_claim_is_taken_at_its_word_only_while_stripe_says_nothing(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.key()
    key = paste(ada, stripe_key.token)
    RestrictedKey.objects.update(stripe_account_id=stripe_key.account, account_is_claimed=True)

    key = checked_twice(key)

    assert (key.status, key.account_is_claimed) == (Status.ACTIVE, False)
