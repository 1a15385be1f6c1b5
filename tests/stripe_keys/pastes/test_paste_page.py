"""The paste page: what it answers to each kind of input, that it keeps nothing it should not, and never echoes."""

import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import KeyEnvelope, KeySubmission, RestrictedKey
from stripe_keys.sentences.paste_refusals import REFUSALS
from tests.people import a_client_of, a_restricted_key, a_secret_key, a_signing_secret, some_letters
from tests.stripe_keys.rows import a_key

TEST_PAGE = "/stripe/paste/test/"
LIVE_PAGE = "/stripe/paste/live/"


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    """Every test here looks at what was stored."""


def paste(browser: Client, text: str, page: str = TEST_PAGE) -> Any:
    return browser.post(page, {"key": text})


def words_of(response: Any) -> str:
    return unescape(response.content.decode())


def test_a_good_key_is_stored_encrypted_and_shown_being_checked(adas_browser: Client) -> None:
    token = a_restricted_key()

    response = paste(adas_browser, token)

    key = RestrictedKey.objects.get()
    assert response.status_code == 303
    assert response["Location"] == reverse("stripe_keys:key_detail", args=[key.pk])
    assert (key.status, key.livemode, key.last4) == ("pending", False, token[-4:])
    assert token.encode() not in bytes(KeyEnvelope.objects.get().envelope)
    assert "Being checked" in words_of(adas_browser.get(response["Location"]))


def test_a_live_key_goes_to_the_live_page(adas_browser: Client) -> None:
    response = paste(adas_browser, a_restricted_key(livemode=True), LIVE_PAGE)

    assert response.status_code == 303
    assert RestrictedKey.objects.get().livemode


@pytest.mark.parametrize(
    ("page", "livemode", "other"), [(TEST_PAGE, True, "live"), (LIVE_PAGE, False, "test")]
)
def test_a_key_of_the_other_mode_is_sent_to_the_other_page(
    adas_browser: Client, page: str, livemode: bool, other: str
) -> None:
    response = paste(adas_browser, a_restricted_key(livemode=livemode), page)

    assert response.status_code == 422
    assert f"This is a {other} key" in words_of(response)
    assert f'href="/stripe/paste/{other}/"' in response.content.decode()
    assert not RestrictedKey.objects.exists()


WRONG = {
    "secret_key": a_secret_key(livemode=True),
    "publishable_key": f"pk_test_{some_letters(60)}",
    "webhook_secret": a_signing_secret(),
    "account_id": f"acct_{some_letters(16)}",
    "app_secret": f"absec_{some_letters(32)}",
    "ephemeral_key": f"ek_test_{some_letters(60)}",
    "organization_key": f"sk_org_live_{some_letters(60)}",
    "key_id": f"mk_{some_letters(24)}",
    "client_id": f"ca_{some_letters(32)}",
    "blank": " \u200b ",
    "gap": "rk_test_" + some_letters(30) + " " + some_letters(60),
    "control_characters": "rk_test_" + some_letters(30) + "\x00" + some_letters(60),
    "foreign_characters": "rk_test_" + some_letters(30) + "\u0430" + some_letters(60),
    "two_keys": f"{a_restricted_key()} {a_restricted_key()}",
    "masked": "rk_live_***" + some_letters(4),
    "too_short": "rk_test_" + some_letters(9),
    "too_long": "rk_test_" + some_letters(300),
    "unknown": "<script>alert('1')</script>{{7*7}}' OR 1=1--$(id)",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_no_key_is_explained_and_neither_kept_nor_echoed(adas_browser: Client, code: str) -> None:
    response = paste(adas_browser, WRONG[code])

    page = response.content.decode()
    assert response.status_code == 422
    assert REFUSALS[code] in words_of(response)
    assert 'value="' not in page.split('name="key"')[1].split(">")[0]
    assert all(piece not in page for piece in pieces_of(WRONG[code]))
    assert "no-store" in response["Cache-Control"]
    assert not RestrictedKey.objects.exists()
    assert not KeySubmission.objects.exists()


def pieces_of(text: str) -> list[str]:
    """Every stretch of twelve characters, beyond a prefix that a sentence may name."""
    return [text[at : at + 12] for at in range(6, len(text) - 12)]


def test_a_full_access_key_leaves_a_warning_without_its_value(
    adas_browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = a_secret_key(livemode=True)

    paste(adas_browser, token)

    assert "a full-access key was pasted" in caplog.text
    assert token[8:20] not in "".join(str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize(
    ("wrapper", "said"),
    [
        ("  {}\r\n", "spaces around it"),
        ('"{}"', "quotes around it"),
        ("“{}”", "quotes around it"),
        ("\ufeff{}", "invisible characters"),
        ("STRIPE_KEY={}", "the text around it"),
        ('export K="{}"', "the text around it"),
        ('{{"key":"{}"}}', "the text around it"),
        ("Authorization: Bearer {}", "the text around it"),
        ("{0} {0}", "a second copy of it"),
    ],
)
def test_what_was_cleaned_off_is_named(adas_browser: Client, wrapper: str, said: str) -> None:
    token = a_restricted_key()

    response = paste(adas_browser, wrapper.format(token))

    assert response.status_code == 303
    assert f"Before saving the key we removed {said}" in words_of(adas_browser.get(response["Location"]))
    assert RestrictedKey.objects.get().last4 == token[-4:]


def test_a_key_wrapped_over_lines_is_joined(adas_browser: Client) -> None:
    token = a_restricted_key()

    response = paste(adas_browser, f"{token[:50]}\n{token[50:]}")

    assert response.status_code == 303
    assert RestrictedKey.objects.get().last4 == token[-4:]


def test_a_megabyte_is_refused_before_it_is_read(adas_browser: Client) -> None:
    assert paste(adas_browser, "x" * 1_000_000).status_code == 413


def test_many_fields_are_refused(adas_browser: Client) -> None:
    response = adas_browser.post(TEST_PAGE, {f"field{number}": "x" for number in range(1000)})

    assert response.status_code == 400


def test_two_key_fields_are_refused_with_a_sentence(adas_browser: Client) -> None:
    response = adas_browser.post(TEST_PAGE, {"key": [a_restricted_key(), a_restricted_key()]})

    assert response.status_code == 422
    assert REFUSALS["several_fields"] in words_of(response)


def test_a_file_is_refused(adas_browser: Client) -> None:
    file = SimpleUploadedFile("key.txt", a_restricted_key().encode())

    assert adas_browser.post(TEST_PAGE, {"key": file}).status_code == 400


def test_the_same_key_again_is_recognised(adas_browser: Client) -> None:
    token = a_restricted_key()
    first = paste(adas_browser, token)

    again = paste(adas_browser, f" {token} ")

    assert again.status_code == 303
    assert again["Location"] == first["Location"]
    assert "saved this key already" in words_of(adas_browser.get(again["Location"]))
    assert RestrictedKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_store_one_key(ada: User) -> None:
    token = a_restricted_key()
    browsers = [a_client_of(ada) for _ in range(4)]

    def send(browser: Client) -> int:
        try:
            return int(paste(browser, token).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as tabs:
        answers = list(tabs.map(send, browsers))

    assert answers == [303] * 4
    assert RestrictedKey.objects.count() == 1
    assert KeySubmission.objects.count() == 1


def test_too_many_pastes_have_to_wait(adas_browser: Client, settings: Settings) -> None:
    settings.PASTE_LIMIT_PER_HOUR = 2
    for _ in range(2):
        paste(adas_browser, a_restricted_key())

    response = paste(adas_browser, a_restricted_key())

    assert response.status_code == 429
    assert 3500 < int(response["Retry-After"]) <= 3600
    assert "Too many keys were pasted" in words_of(response)
    assert "60 minutes" in words_of(response)


def test_a_session_that_ended_drops_the_key(ada: User) -> None:
    token = a_restricted_key()

    response = paste(Client(), token)

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert not RestrictedKey.objects.exists()


def test_a_sign_in_long_ago_drops_the_key_and_asks_again(ada: User, settings: Settings) -> None:
    browser = a_client_of(ada, seconds_ago=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
    token = a_restricted_key()

    response = paste(browser, token)

    assert (response.status_code, response["Location"]) == (302, TEST_PAGE)
    assert token not in str(dict(browser.session))
    assert not RestrictedKey.objects.exists()
    assert reverse("account_reauthenticate") in browser.get(TEST_PAGE)["Location"]


def test_a_request_without_its_csrf_token_is_refused_without_echo(ada: User) -> None:
    browser = a_client_of(ada)
    browser.handler.enforce_csrf_checks = True
    token = a_restricted_key()

    response = paste(browser, token)

    assert response.status_code == 403
    assert token not in response.content.decode()
    assert not RestrictedKey.objects.exists()


def test_the_field_is_hidden_and_offers_nothing_to_remember(adas_browser: Client) -> None:
    page = adas_browser.get(TEST_PAGE).content.decode()

    field = page.split('name="key"')[0].rsplit("<", 1)[1] + page.split('name="key"')[1].split(">")[0]
    for attribute in ('type="password"', 'autocomplete="off"', 'spellcheck="false"', 'autocapitalize="off"'):
        assert attribute in field
    assert 'rel="noopener noreferrer"' in page


def test_replacing_takes_the_mode_of_the_key(adas_browser: Client, ada: User) -> None:
    old = a_key(ada, livemode=True)
    page = reverse("stripe_keys:replace_key", args=[old.pk])

    wrong = paste(adas_browser, a_restricted_key(), page)
    right = paste(adas_browser, a_restricted_key(livemode=True), page)

    assert wrong.status_code == 422
    assert right.status_code == 303
    old.refresh_from_db()
    assert old.status == "active"  # it serves until the new one is proven
    assert RestrictedKey.objects.filter(status="pending", livemode=True).count() == 1


def test_the_pages_answer_quickly_to_hostile_text(adas_browser: Client) -> None:
    hostile = ["rk_test_" + "a" * 60_000, "'" * 60_000, "rk_test_ " * 6_000, "\u200b" * 15_000, "a_" * 30_000]

    began = time.thread_time()
    answers = [paste(adas_browser, text).status_code for text in hostile]

    assert set(answers) <= {413, 422}
    assert time.thread_time() - began < 5
