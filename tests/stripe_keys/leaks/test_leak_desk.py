"""Ops paste a text that leaked and learn whose keys are in it."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from stripe_keys import leaks
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key, some_letters
from tests.stripe_keys.keys import paste
from tests.stripe_keys.leaks.desk import DESK, look_up, reasons, settle, staff_with, words_of

Status = RestrictedKey.Status


def test_way_to_the_desk_stands_on_the_first_page_and_on_the_list(olgas_browser: Client) -> None:
    for page in (reverse("admin:index"), reverse("admin:stripe_keys_restrictedkey_changelist")):
        assert f'href="{DESK}"' in olgas_browser.get(page).content.decode()


def test_leaked_key_is_found(olgas_browser: Client, key: RestrictedKey, token: str) -> None:
    answer = look_up(olgas_browser, f"curl -u {token}: # whose is this?")

    assert answer.redirect_chain[0][1] == 303
    page = words_of(answer)
    assert "1 key-shaped string was read. 1 of our keys is among them." in page
    for shown in (key.display, str(key.merchant), "live mode", "Active", "Suspend and tell the merchant"):
        assert shown in page
    assert reverse("admin:stripe_keys_restrictedkey_change", args=[key.pk]) in page


def test_keys_of_several_merchants_are_found_in_one_text(
    olgas_browser: Client, key: RestrictedKey, token: str, eve: User
) -> None:
    other = a_restricted_key()
    eves = paste(eve, other)

    answer = look_up(olgas_browser, f"{token}\n{other}\n{a_restricted_key()}\n{token}")

    page = words_of(answer)
    assert "3 key-shaped strings were read. 2 of our keys are among them." in page
    assert key.display in page
    assert eves.display in page
    assert "Suspend and tell for all 2" in page


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.REPLACED, Status.REMOVED, Status.REJECTED])
def test_ended_key_is_found_too(olgas_browser: Client, key: RestrictedKey, token: str, status: str) -> None:
    settle(key, status)

    page = words_of(look_up(olgas_browser, token))

    assert key.display in page
    assert str(Status(status).label) in page
    assert ("Tell the merchant" in page) == (status in (Status.REPLACED, Status.REMOVED))
    assert "Suspend and tell" not in page


def test_key_is_found_by_an_older_fingerprint(
    olgas_browser: Client, key: RestrictedKey, token: str, settings: Settings
) -> None:
    fresh = "fresh:" + "Zm9vYmFy" * 5 + "Zm8="
    settings.FINGERPRINT_KEYS = [fresh, *settings.FINGERPRINT_KEYS]

    assert key.display in words_of(look_up(olgas_browser, token))


def test_pastes_by_others_are_shown(olgas_browser: Client, key: RestrictedKey, token: str, eve: User) -> None:
    paste(eve, token, remote_address="198.51.100.9")

    page = words_of(look_up(olgas_browser, token))

    for shown in ("Who has pasted them lately", "ada@example.com", "eve@example.com", "198.51.100.9"):
        assert shown in page
    assert "it may be stolen" in page


def test_pastes_are_shown_to_those_who_may_see_pastes(key: RestrictedKey, token: str) -> None:
    browser = staff_with("change_restrictedkey", "view_restrictedkey")

    page = words_of(look_up(browser, token))

    assert key.display in page
    assert "Who has pasted" not in page


def test_none_of_ours(olgas_browser: Client, key: RestrictedKey) -> None:
    page = words_of(look_up(olgas_browser, a_restricted_key()))

    assert "None of them is or was kept here." in page
    assert key.display not in page


def test_shortened_key_leads_to_a_search_by_its_end(olgas_browser: Client, key: RestrictedKey) -> None:
    answer = look_up(olgas_browser, f"somebody wrote rk_live_...{key.last4} somewhere")

    address = f"{reverse('admin:stripe_keys_restrictedkey_changelist')}?q={key.last4}"
    assert "1 string has dots or stars in place of the key" in words_of(answer)
    assert f'href="{address}"' in answer.content.decode()
    assert key.display in olgas_browser.get(address).content.decode()


def test_shortened_key_without_an_end_needs_the_whole_key(olgas_browser: Client) -> None:
    assert "Find the whole key." in words_of(look_up(olgas_browser, "rk_live_*********"))


def short_keys(count: int) -> str:
    """So many key-shaped strings."""
    return "\n".join("rk_test_" + some_letters(20) for _ in range(count))


def test_key_behind_hundreds_of_others_is_found(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    page = words_of(look_up(olgas_browser, f"{short_keys(999)}\n{token}"))

    assert "1000 key-shaped strings were read" in page.replace(",", "")
    assert "There was more" not in page
    assert key.display in page


def test_more_keys_than_are_read_at_once(olgas_browser: Client, key: RestrictedKey, token: str) -> None:
    page = words_of(look_up(olgas_browser, f"{token}\n{short_keys(1000)}"))

    assert "1000 key-shaped strings were read" in page.replace(",", "")
    assert "There was more than is looked up or shown at once" in page
    assert key.display in page


def test_more_rows_than_fit_shows_those_that_are_kept_first(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    for _ in range(leaks.MOST_ROWS + 10):
        RestrictedKey.objects.create(
            merchant=key.merchant, livemode=True, status="removed", last4="gone", fingerprint=key.fingerprint
        )

    answer = look_up(olgas_browser, token)

    assert len(answer.redirect_chain[0][0]) < 3500, "a longer address would be refused"
    assert answer.context["found"][0].key == key
    assert "There was more than is looked up or shown at once" in words_of(answer)


def test_look_up_is_written_into_the_history_of_each_found_key(
    olgas_browser: Client, olga: User, key: RestrictedKey, token: str, eve: User
) -> None:
    eves = paste(eve, a_restricted_key())

    look_up(olgas_browser, token)

    line = key.status_changes.latest("pk")
    assert (line.actor, line.reason) == (
        olga.email, "Support recognised it in a text that may have leaked."
    )  # fmt: skip
    assert (line.from_status, line.to_status) == ("active", "active")
    assert len(reasons(eves)) == 1


def test_page_of_what_was_found_is_read_again_without_looking_up_again(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    address = look_up(olgas_browser, token).redirect_chain[0][0]
    lines = len(reasons(key))

    assert key.display in words_of(olgas_browser.get(address))
    assert len(reasons(key)) == lines
