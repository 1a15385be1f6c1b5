"""From a paste to its verdict, with a real Stripe simulator: what the merchant reads, and what nobody can find out."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from stripe_keys.models import RestrictedKey, StatusChange
from tests.people import a_restricted_key
from tests.stripe_keys.keys import AtStripe, all_but, bind_account
from tests.stripe_keys.keys import paste as store
from work import engine

PAGE = "/stripe/paste/test/"


def paste_and_read(browser: Client, token: str) -> str:
    """Paste, let the worker work, let the shortest time of a check pass, and return the key's page."""
    address = browser.post(PAGE, {"key": token})["Location"]
    engine.drain("validations")
    past = timezone.now() - timedelta(minutes=2)
    RestrictedKey.objects.filter(pk=address.rstrip("/").rpartition("/")[2]).update(created_at=past)
    return browser.get(address).content.decode()


def list_of(browser: Client) -> str:
    return anonymous(browser.get("/stripe/keys/").content.decode())


def anonymous(page: str) -> str:
    """The page without what differs from key to key and from moment to moment."""
    page = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", page)
    page = re.sub(r"rk_test_\.\.\.\w{4}|(?<=\"mono\">)\w{4}(?=</dd>)", "KEY", page)
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN", page)
    return re.sub(r"<time .*?</time>", "TIME", page)


def test_a_good_key_of_the_connected_account_becomes_active(
    at_stripe: AtStripe, ada: User, adas_browser: Client
) -> None:
    key = at_stripe.key()
    bind_account(ada, key.account)

    page = paste_and_read(adas_browser, key.token)

    assert "Stripe accepts this key, and it has every permission we need." in page
    assert "12 of 12" in page
    assert "hx-trigger" not in page


def test_a_key_with_less_becomes_limited_and_says_what_is_missing(
    at_stripe: AtStripe, ada: User, adas_browser: Client
) -> None:
    key = at_stripe.key(permissions=all_but("dispute_read"))
    bind_account(ada, key.account)

    page = paste_and_read(adas_browser, key.token)

    assert "Some permissions are missing" in page
    assert page.count("check--missing") == 1
    assert f"/b/{key.account}?destination=%2Ftest%2Fapikeys%2F{key.id}%2Fedit" in page


def test_every_useless_key_gets_the_same_bytes(
    at_stripe: AtStripe, ada: User, eve: User, adas_browser: Client
) -> None:
    own = at_stripe.admin.create_account()
    bind_account(ada, own)
    expired, of_another, of_eve, of_eves_account = (at_stripe.key() for _ in range(4))
    at_stripe.admin.expire_key(expired.id, lag=0)
    bind_account(eve, of_eve.account)
    bind_account(eve, of_eves_account.account)
    store(eve, of_eve.token)
    engine.drain("validations")
    useless = [a_restricted_key(), expired.token, of_another.token, of_eve.token, of_eves_account.token]

    pages, lists = [], []
    for token in useless:
        pages.append(paste_and_read(adas_browser, token))
        lists.append(list_of(adas_browser))
        RestrictedKey.objects.filter(added_by=ada).update(added_by=None, merchant=eve.membership.merchant)

    assert "We could not use this key with the connected account." in pages[0]
    assert f"Was it copied whole? You connected acct_…{own[-4:]} in test mode" in pages[0]
    for not_theirs in (of_another, of_eve, of_eves_account):
        assert f"acct_…{not_theirs.account[-4:]}" not in "".join(pages)
    assert "it is not stored here" in pages[0]
    assert "erased it" not in pages[0]
    assert pages[0].count("<time ") == 2, "when it was pasted, and no second of an end that nobody may know"
    assert {anonymous(page) for page in pages} == {anonymous(pages[0])}
    assert set(lists) == {lists[0]}
    assert "Rejected" in lists[0]
    assert "Last check</dt>" not in lists[0]
    assert "Not known yet" not in lists[0]


def test_a_rejection_does_not_show_before_its_time(
    at_stripe: AtStripe, ada: User, eve: User, adas_browser: Client
) -> None:
    bind_account(ada, at_stripe.admin.create_account())
    of_eve = at_stripe.key()
    store(eve, of_eve.token)

    address = adas_browser.post(PAGE, {"key": of_eve.token})["Location"]
    page = adas_browser.get(address).content.decode()

    assert "Being checked" in page
    assert "every 1s" in page
    assert "Rejected" not in page
    assert "Rejected" not in adas_browser.get("/stripe/keys/").content.decode()


def test_an_unknown_account_is_asked_about_and_yes_connects_it(
    at_stripe: AtStripe, ada: User, adas_browser: Client
) -> None:
    key = at_stripe.key()
    question = paste_and_read(adas_browser, key.token)
    row = RestrictedKey.objects.get()

    answer = adas_browser.post(f"/stripe/keys/{row.pk}/confirm-account/", {"answer": "yes"})
    engine.drain("validations")

    assert f"Is acct_…{key.account[-4:]} your Stripe account?" in question
    assert answer.status_code == 303
    row.refresh_from_db()
    assert row.status == "active"


def test_no_removes_the_key_and_connects_nothing(
    at_stripe: AtStripe, ada: User, adas_browser: Client
) -> None:
    paste_and_read(adas_browser, at_stripe.key().token)
    row = RestrictedKey.objects.get()

    adas_browser.post(f"/stripe/keys/{row.pk}/confirm-account/", {"answer": "no"})

    row.refresh_from_db()
    assert row.status == "removed"
    assert not row.merchant.stripe_installs.exists()


@pytest.mark.parametrize("fault", ["error", "invalid_json"])
def test_trouble_at_stripe_is_waited_for(
    at_stripe: AtStripe, ada: User, adas_browser: Client, fault: str
) -> None:
    key = at_stripe.key()
    bind_account(ada, key.account)
    at_stripe.admin.add_fault(fault, path="/v1/account$")

    page = paste_and_read(adas_browser, key.token)

    assert RestrictedKey.objects.get().status == "pending"
    assert "Not proven yet" in page
    assert "we try again by ourselves" in page


def test_a_key_that_can_do_less_waits_beside_the_one_in_use(
    at_stripe: AtStripe, ada: User, adas_browser: Client
) -> None:
    good = at_stripe.key()
    bind_account(ada, good.account)
    store(ada, good.token)
    engine.drain("validations")
    poor = at_stripe.key(good.account, permissions=all_but("payout_read"))

    page = paste_and_read(adas_browser, poor.token)

    assert "can do less than the one in use" in page
    assert RestrictedKey.objects.filter(status="active").count() == 1
    assert not StatusChange.objects.filter(to_status="replaced").exists()
