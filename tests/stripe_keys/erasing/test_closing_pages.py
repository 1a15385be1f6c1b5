"""The page that closes an account, and where its people are led afterwards."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Merchant, User
from stripe_keys.models import (
    RestrictedKey,
)
from tests import people
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.erasing.closings import CLOSE, ERASED, a_serving_key, close, stored_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's serving key."""
    return a_serving_key(ada)


def test_the_page_says_what_will_happen_and_names_the_keys(
    key: RestrictedKey, ada: User, adas_browser: Client
) -> None:
    page = adas_browser.get(CLOSE).content.decode()

    for words in (key.display, "cannot be undone", "Ada&#x27;s Lamps", "30 days", "until you expire them"):
        assert words in page, words


@pytest.mark.parametrize("typed", ["Ada's Lamps", "  ada's   LAMPS ", "Ada's\u200b Lamps"])
def test_the_right_name_closes_and_leads_to_the_proof(
    key: RestrictedKey, ada: User, adas_browser: Client, typed: str
) -> None:
    answer = adas_browser.post(CLOSE, {"name": typed})

    assert (answer.status_code, answer.headers["Location"]) == (303, ERASED)
    assert "This account is closed" in adas_browser.get(ERASED).content.decode()
    assert stored_of(merchant_of(ada)) == (0, 0, 0)


@pytest.mark.parametrize("typed", ["", "Ada", "Eve's Ropes", "Ada's Lamps!", "\x00", "x" * 5000])
def test_another_name_closes_nothing_and_says_so(
    key: RestrictedKey, ada: User, adas_browser: Client, typed: str
) -> None:
    answer = adas_browser.post(CLOSE, {"name": typed})

    assert answer.status_code == 422
    assert "This is not the name" in answer.content.decode()
    assert stored_of(merchant_of(ada)) == (1, 1, 1)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_colleague_is_told_whom_to_ask(
    key: RestrictedKey, ada: User, ben: User, bens_browser: Client, method: str
) -> None:
    answer = getattr(bens_browser, method)(CLOSE, {"name": "Ada's Lamps"})

    assert answer.status_code == 403
    assert "Only an owner can close the account" in answer.content.decode()
    assert ada.email in answer.content.decode()
    assert stored_of(merchant_of(ada)) == (1, 1, 1)


def test_the_page_asks_for_the_password_before_a_name_is_typed(key: RestrictedKey, ada: User) -> None:
    browser = people.a_client_of(ada, seconds_ago=400)

    asked = browser.get(CLOSE)
    answer = browser.post(asked.headers["Location"], {"password": people.PASSWORD})

    assert "/accounts/reauthenticate/" in asked.headers["Location"]
    assert answer.headers["Location"] == CLOSE
    assert "Close it for good" in browser.get(CLOSE).content.decode()


def test_who_signed_in_long_ago_must_confirm_it_first(key: RestrictedKey, ada: User) -> None:
    browser = people.a_client_of(ada, seconds_ago=400)

    answer = browser.post(CLOSE, {"name": "Ada's Lamps"})

    assert answer.status_code == 302
    assert answer.headers["Location"] == CLOSE
    assert "/accounts/reauthenticate/" in browser.get(CLOSE).headers["Location"]
    assert stored_of(merchant_of(ada)) == (1, 1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/stripe/keys/",
        "/stripe/connect/live/",
        "/stripe/return/",
        "/stripe/paste/test/",
        CLOSE,
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/sessions/",
        "/accounts/2fa/",
        "/ops/",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_other_page_leads_to_the_proof(
    ada: User, ben: User, bens_browser: Client, address: str, method: str
) -> None:
    close(ada)

    answer = getattr(bens_browser, method)(address)

    if (address, method) == ("/", "post"):
        assert answer.status_code == 405
    else:
        assert answer.headers["Location"] == ERASED


def test_pages_of_a_key_lead_to_the_proof_too(key: RestrictedKey, ada: User, adas_browser: Client) -> None:
    close(ada)

    for page in ("key_detail", "key_status", "check_key", "remove_key", "replace_key", "confirm_account"):
        assert adas_browser.get(reverse(f"stripe_keys:{page}", args=[key.pk])).headers["Location"] == ERASED


def test_signing_in_leads_to_the_proof_and_out_again(ada: User, client: Client) -> None:
    close(ada)

    client.post("/accounts/login/", {"login": ada.email, "password": people.PASSWORD})
    page = client.get("/", follow=True).content.decode()
    client.post("/accounts/logout/")

    assert "This account is closed" in page
    assert "/accounts/email/" not in page
    assert "/stripe/keys/" not in page
    assert client.get(ERASED).headers["Location"].startswith("/accounts/login/")


def test_staff_who_once_belonged_to_it_go_on_with_their_work(
    ada: User, olga: User, adas_merchant: Merchant
) -> None:
    adas_merchant.memberships.create(user=olga)
    close(ada)

    browser = people.a_client_of(olga, second_factor=True)

    assert browser.get("/").headers["Location"] == "/ops/"
    assert browser.get("/ops/").status_code == 200
    assert browser.get(ERASED).status_code == 200


def test_another_merchant_notices_nothing(key: RestrictedKey, ada: User, eves_browser: Client) -> None:
    close(ada)

    assert eves_browser.get("/").headers["Location"] == "/stripe/keys/"
    assert key.display not in eves_browser.get(ERASED).content.decode()


def test_a_name_may_be_any_name(ada: User) -> None:
    Merchant.objects.update(name="“Ünï”  &\u00a0Söhne\u200b <GmbH>")

    answer = people.a_client_of(ada).post(CLOSE, {"name": "“Ünï” & söhne <gmbh>"})

    assert answer.status_code == 303


def test_what_was_typed_is_not_shown_again(ada: User, adas_browser: Client) -> None:
    token = a_restricted_key()

    assert token not in adas_browser.post(CLOSE, {"name": token}).content.decode()
