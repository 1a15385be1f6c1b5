"""Pages for each purpose, where the partner asks for more than one key; where not, no page speaks of purposes."""

from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key
from tests.stripe_keys.keys import paste
from tests.stripe_keys.purposes import ask_for_two_keys
from tests.stripe_keys.rows import a_check, a_key, page_of

pytestmark = pytest.mark.django_db
LABEL = "Billing & books"


@pytest.fixture
def two_keys(settings: Settings, tmp_path: Path) -> None:
    """An app that asks for two."""
    ask_for_two_keys(settings, tmp_path)


def text_of(browser: Client, address: str) -> str:
    """A page as people read it."""
    response = browser.get(address)
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_connect_page_of_a_purpose_shows_its_own_permissions(two_keys: None, adas_browser: Client) -> None:
    general = text_of(adas_browser, "/stripe/connect/test/")
    billing = text_of(adas_browser, "/stripe/connect/test/billing/")

    assert "For charge_read." in general
    assert "For invoice_read." not in general
    assert "For invoice_read." in billing
    assert "For charge_read." not in billing
    assert 'href="/stripe/connect/test/billing/"' in general
    assert 'href="/stripe/paste/test/billing/"' in billing
    assert "rak_invoice_read" in billing
    assert 'href="/stripe/connect/live/billing/"' in billing, "the other mode stays within the purpose"


@pytest.mark.parametrize("page", ["connect", "paste"])
@pytest.mark.parametrize("name", ["default", "reporting", "Billing", "..", "x" * 32], ids=str)
def test_pages_of_other_names_do_not_exist(
    two_keys: None, adas_browser: Client, page: str, name: str
) -> None:
    assert adas_browser.get(f"/stripe/{page}/test/{name}/").status_code == 404


def test_a_key_is_pasted_for_the_purpose_of_the_page(two_keys: None, adas_browser: Client) -> None:
    page = text_of(adas_browser, "/stripe/paste/test/billing/")
    adas_browser.post("/stripe/paste/test/billing/", {"key": a_restricted_key()})
    adas_browser.post("/stripe/paste/test/", {"key": a_restricted_key()})

    assert LABEL in page
    assert "rak_invoice_read" in page
    assert set(RestrictedKey.objects.values_list("purpose", "status")) == {
        ("billing", "pending"),
        ("default", "pending"),
    }


def test_the_same_key_for_another_purpose_is_refused_in_a_sentence(
    two_keys: None, adas_browser: Client, ada: User
) -> None:
    text = a_restricted_key()
    paste(ada, text)

    response = adas_browser.post("/stripe/paste/test/billing/", {"key": text})

    assert response.status_code == 422
    page = unescape(response.content.decode())
    assert "another purpose already: General. Use one key per purpose" in page
    assert text not in page
    assert RestrictedKey.objects.get().purpose == "default"


def test_replacing_stays_within_the_purpose_also_when_it_was_given_up(
    two_keys: None, settings: Settings, adas_browser: Client, ada: User
) -> None:
    old = a_key(ada, purpose="billing")
    address = f"/stripe/keys/{old.pk}/replace/"
    assert "rak_invoice_read" in text_of(adas_browser, address)
    settings.KEY_PURPOSES = []

    assert "Billing" in text_of(adas_browser, address)
    adas_browser.post(address, {"key": a_restricted_key()})

    assert RestrictedKey.objects.get(status="pending").purpose == "billing"


def test_list_is_grouped_by_purpose_with_what_each_needs_and_lacks(
    two_keys: None, adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, "limited", purpose="billing")
    a_check(key, {"connected_account_read": "granted", "invoice_read": "missing"})

    page = text_of(adas_browser, "/stripe/keys/")
    test_mode = page[page.index('id="mode-test"') :]

    assert test_mode.index("General") < test_mode.index(LABEL) < test_mode.index(key.display)
    assert "Invoices: read" in test_mode
    assert "Still missing: Invoices: read" in test_mode
    assert 'href="/stripe/paste/test/billing/"' in test_mode
    assert "No test key for General is in use." in test_mode
    assert "No live key for Billing & books is in use." in page
    assert 'href="/stripe/connect/live/billing/"' in page


def test_key_page_and_report_name_the_purpose(two_keys: None, adas_browser: Client, ada: User) -> None:
    key = a_key(ada, purpose="billing")
    a_check(key, {"connected_account_read": "granted", "invoice_read": "granted"})

    assert f"Test mode · {LABEL}" in page_of(adas_browser, key)
    assert f"Test mode · {LABEL}" in text_of(adas_browser, f"/stripe/keys/{key.pk}/permissions/")


def test_page_of_a_key_whose_purpose_was_given_up_says_so(
    two_keys: None, settings: Settings, adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, purpose="billing")
    a_check(key, {"invoice_read": "granted"})
    settings.KEY_PURPOSES = []

    page, keys = page_of(adas_browser, key), text_of(adas_browser, "/stripe/keys/")

    assert "We no longer ask for such a key." in page
    assert "1 of 1" in page
    assert "Billing" in keys
    assert "/paste/test/billing/" not in page + keys


def test_with_one_purpose_no_page_speaks_of_purposes(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    a_check(key, {"charge_read": "granted"})
    pages = ("keys/", "connect/live/", "paste/live/", f"keys/{key.pk}/", f"keys/{key.pk}/replace/")

    for page in pages:
        text = text_of(adas_browser, f"/stripe/{page}")
        assert not any(word in text for word in ("General", "for each purpose", "Used for", "Needs:"))


def test_ops_find_the_keys_of_a_purpose(
    two_keys: None, olgas_browser: Client, ada: User, settings: Settings
) -> None:
    billing, general = a_key(ada, purpose="billing"), a_key(ada)

    page = text_of(olgas_browser, "/ops/stripe_keys/restrictedkey/?purpose=billing")

    assert billing.display in page
    assert general.display not in page
