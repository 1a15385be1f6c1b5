"""The leak desk opens for staff who may act on keys, with a second factor, and for nobody else."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from stripe_keys import leaks
from stripe_keys.models import KeySubmission, RestrictedKey
from tests import people
from tests.stripe_keys.leaks.desk import DESK, FOUND, reasons, staff_with

Status = RestrictedKey.Status


def enter(browser: Client, key: RestrictedKey, token: str) -> set[int]:
    """What each way into the desk answers."""
    found = f"{FOUND}?read=1&keys={key.pk.hex}"
    answers = [browser.get(DESK), browser.post(DESK, {"text": token}), browser.get(found)]
    answers.append(browser.post(found, {"act": key.pk.hex}))
    assert [answer for answer in answers if key.display in answer.content.decode()] == []
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize(
    "rights", [[], ["view_restrictedkey", "view_keysubmission"]], ids=["none", "looking"]
)
def test_staff_without_the_right_are_refused(key: RestrictedKey, token: str, rights: list[str]) -> None:
    browser = staff_with(*rights)

    assert enter(browser, key, token) == {403}
    assert DESK not in browser.get(reverse("admin:index")).content.decode()
    listing = browser.get(reverse("admin:stripe_keys_restrictedkey_changelist"))
    assert DESK not in listing.content.decode()
    assert len(reasons(key)) == 1


def test_strangers_merchants_and_staff_without_a_second_factor_are_sent_away(
    key: RestrictedKey, token: str, eves_browser: Client, olga: User
) -> None:
    for browser in (Client(), eves_browser, people.a_client_of(olga)):
        assert enter(browser, key, token) <= {302, 403}

    key.refresh_from_db()
    assert key.suspended_at is None
    assert len(reasons(key)) == 1


def test_text_needs_a_token_of_the_form(olga: User, key: RestrictedKey, token: str) -> None:
    browser = people.a_client_of(olga, second_factor=True)
    browser.handler.enforce_csrf_checks = True

    for address in (DESK, f"{FOUND}?keys={key.pk.hex}"):
        assert browser.post(address, {"text": token, "act": key.pk.hex}).status_code == 403
    assert len(reasons(key)) == 1


def test_failed_look_up_writes_no_history(key: RestrictedKey, token: str, olga: User) -> None:
    with transaction.atomic():
        leaks.look_up(text=token, actor=olga)
        transaction.set_rollback(True)

    assert len(reasons(key)) == 1
    assert KeySubmission.objects.count() == 1
