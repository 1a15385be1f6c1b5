"""What can be done on a key's page, and that nobody does it to another merchant's."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import Validation
from tests.people import a_client_of
from tests.stripe_keys.rows import a_key, page_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
KEY_PAGES = ["key_detail", "key_status", "check_key", "replace_key", "remove_key", "confirm_account"]


def test_check_now_asks_once_and_then_has_to_wait(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    address = reverse("stripe_keys:check_key", args=[key.pk])

    first = adas_browser.post(address)
    second = adas_browser.post(address, follow=True)

    assert first.status_code == 303
    assert Validation.objects.filter(key=key).count() == 1
    assert re.search(r"check it again in \d+ seconds", second.content.decode())


def test_an_ended_key_cannot_be_checked(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "expired")

    page = adas_browser.post(reverse("stripe_keys:check_key", args=[key.pk]), follow=True)

    assert "nothing left to check" in page.content.decode()


def test_removing_asks_first_and_then_erases(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    address = reverse("stripe_keys:remove_key", args=[key.pk])

    question = adas_browser.get(address).content.decode()
    key.refresh_from_db()
    asked_only = key.status
    answer = adas_browser.post(address)

    key.refresh_from_db()
    assert "Remove this key?" in question
    assert (asked_only, answer.status_code, key.status) == ("active", 303, "removed")


def test_removing_wants_a_recent_sign_in(ada: User, settings: Settings) -> None:
    key = a_key(ada)
    browser = a_client_of(ada, seconds_ago=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)

    browser.post(reverse("stripe_keys:remove_key", args=[key.pk]))

    key.refresh_from_db()
    assert key.status == "active"


def test_an_answer_to_a_closed_question_changes_nothing(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)

    page = adas_browser.post(
        reverse("stripe_keys:confirm_account", args=[key.pk]), {"answer": "yes"}, follow=True
    )

    key.refresh_from_db()
    assert "no longer open" in page.content.decode()
    assert key.status == "active"


@pytest.mark.parametrize("name", KEY_PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_eve_gets_the_404_of_a_key_that_is_not_there(
    eves_browser: Client, ada: User, name: str, method: str
) -> None:
    adas, nobodys = (reverse(f"stripe_keys:{name}", args=[pk]) for pk in (a_key(ada).pk, uuid4()))
    ask = getattr(eves_browser, method)

    answers = [ask(adas, headers=HTMX), ask(nobodys, headers=HTMX)]

    assert {answer.status_code for answer in answers} <= {404, 405}
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].content == answers[1].content


def test_eves_list_is_hers_alone(eves_browser: Client, ada: User) -> None:
    key = a_key(ada)

    assert key.display not in eves_browser.get("/stripe/keys/").content.decode()


def test_ben_sees_what_ada_sees(bens_browser: Client, ada: User) -> None:
    assert "Active" in page_of(bens_browser, a_key(ada))
