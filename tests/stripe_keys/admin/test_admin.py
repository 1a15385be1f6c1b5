"""What ops can do with keys: check, suspend, lift a suspension; each asked for on purpose and written down."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import Notice, User
from accounts.second_factors import set_up_totp
from accounts.services import ensure_user, make_staff
from stripe_keys.models import RestrictedKey, Validation
from tests import people
from tests.stripe_keys.keys import bind_account, paste

LIST = "admin:stripe_keys_restrictedkey_changelist"


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's key, whose first check is done."""
    bind_account(ada, "acct_1AdasAccount0000")
    pasted = paste(ada, people.a_restricted_key())
    RestrictedKey.objects.update(status="active", stripe_account_id="acct_1AdasAccount0000")
    Validation.objects.update(state="done")
    pasted.refresh_from_db()
    return pasted


def page_of(key: RestrictedKey) -> str:
    return reverse("admin:stripe_keys_restrictedkey_change", args=[key.pk])


def act(browser: Client, name: str, key: RestrictedKey, **more: str) -> Any:
    """Choose an action for one key, as the list's form does."""
    return browser.post(reverse(LIST), {"action": name, "_selected_action": str(key.pk), **more}, follow=True)


def newest(key: RestrictedKey) -> tuple[str, str]:
    change = key.status_changes.order_by("-pk")[0]
    return change.actor, change.reason


def test_check_now_makes_a_check_due_in_the_name_of_who_asked(
    olgas_browser: Client, olga: User, key: RestrictedKey
) -> None:
    answer = act(olgas_browser, "check_now", key)

    assert "1 of 1 will be checked now." in answer.content.decode()
    check = key.validations.get(state="waiting")
    assert (check.reason, check.requested_by) == ("ops", olga)


def test_keys_page_offers_what_makes_sense(olgas_browser: Client, key: RestrictedKey) -> None:
    def offered() -> list[str]:
        page = olgas_browser.get(page_of(key))
        return [name for name, _ in page.context["page_actions"]]

    assert offered() == ["check_now", "suspend"]
    RestrictedKey.objects.update(suspended_at=key.created_at)
    assert offered() == ["check_now", "resume"]
    RestrictedKey.objects.update(status="removed")
    assert offered() == []


def test_check_now_on_the_keys_own_page_comes_back_to_it(olgas_browser: Client, key: RestrictedKey) -> None:
    assert "Check now" in olgas_browser.get(page_of(key)).content.decode()

    answer = act(olgas_browser, "check_now", key, from_page="1")

    assert answer.redirect_chain[-1][0] == page_of(key)


def test_suspending_asks_first(olgas_browser: Client, key: RestrictedKey) -> None:
    answer = act(olgas_browser, "suspend", key)

    page = answer.content.decode()
    assert "Their merchants are told by mail" in page
    assert key.display in page
    key.refresh_from_db()
    assert key.suspended_at is None


def test_suspending_is_written_down_and_told_then_lifted(
    olgas_browser: Client, olga: User, key: RestrictedKey
) -> None:
    act(olgas_browser, "suspend", key, confirmed="yes")
    key.refresh_from_db()
    assert not key.is_usable
    assert newest(key) == (olga.email, "Support suspended it.")
    assert Notice.objects.filter(dedupe_key__startswith=f"suspended:{key.pk}").exists()

    act(olgas_browser, "resume", key, confirmed="yes")
    key.refresh_from_db()
    assert key.is_usable
    assert newest(key) == (olga.email, "Support lifted the suspension.")


def test_key_that_has_ended_is_left_alone(olgas_browser: Client, key: RestrictedKey) -> None:
    RestrictedKey.objects.update(status="removed")

    for name in ("check_now", "suspend", "resume"):
        answer = act(olgas_browser, name, key, confirmed="yes")
        assert "0 of 1" in answer.content.decode()

    assert not key.validations.filter(state="waiting").exists()


def test_actions_work_on_what_a_search_by_address_found(olgas_browser: Client, key: RestrictedKey) -> None:
    address = reverse(LIST) + "?q=ada@example.com"

    answer = olgas_browser.post(
        address,
        {"action": "check_now", "_selected_action": str(key.pk), "index": "0", "select_across": "1"},
        follow=True,
    )

    assert "1 of 1 will be checked now." in answer.content.decode()


def test_whole_page_of_keys_can_be_chosen(olgas_browser: Client, key: RestrictedKey) -> None:
    for number in range(60):
        RestrictedKey.objects.create(
            merchant=key.merchant, livemode=False, status="removed", last4=f"{number:04}", fingerprint=b"x"
        )
    page = olgas_browser.get(reverse(LIST))
    chosen = [str(row.pk) for row in page.context["cl"].result_list]

    answer = olgas_browser.post(
        reverse(LIST),
        {"action": "suspend", "_selected_action": chosen, "index": "0", "select_across": "0", "csrf": "x"},
    )

    assert len(chosen) > 30
    assert answer.status_code == 200
    assert b"more." in answer.content


@pytest.mark.parametrize("rights", [[], ["view_restrictedkey"]], ids=["none", "looking"])
def test_staff_without_the_right_cannot_act(key: RestrictedKey, rights: list[str]) -> None:
    staff = ensure_user(email="newcomer@example.com", password=people.PASSWORD)
    make_staff(user=staff, superuser=False)
    set_up_totp(user=staff, secret=people.TOTP_SECRET)
    staff.groups.clear()
    staff.user_permissions.set(Permission.objects.filter(codename__in=rights))
    browser = people.a_client_of(staff, second_factor=True)

    act(browser, "suspend", key, confirmed="yes")

    key.refresh_from_db()
    assert key.suspended_at is None
    if rights:
        page = browser.get(page_of(key))
        assert page.status_code == 200
        assert b'value="suspend"' not in page.content


@pytest.mark.parametrize("what", ["add/", "{pk}/delete/"])
def test_keys_are_neither_added_nor_deleted_by_hand(
    olgas_browser: Client, key: RestrictedKey, what: str
) -> None:
    assert olgas_browser.post(reverse(LIST) + what.format(pk=key.pk), {"post": "yes"}).status_code == 403


def test_key_is_not_edited_by_hand(olgas_browser: Client, key: RestrictedKey) -> None:
    answer = olgas_browser.post(page_of(key), {"status": "removed", "last4": "0000"})

    assert answer.status_code == 403
    key.refresh_from_db()
    assert key.status == "active"


def test_dead_check_can_be_tried_again(olgas_browser: Client, key: RestrictedKey) -> None:
    check = Validation.objects.get(key=key)
    Validation.objects.update(state="dead", problem="Boom")

    olgas_browser.post(
        reverse("admin:stripe_keys_validation_changelist"),
        {"action": "revive_dead", "_selected_action": str(check.pk)},
    )

    check.refresh_from_db()
    assert (check.state, check.attempts) == ("waiting", 0)
