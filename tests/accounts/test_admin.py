"""What ops staff see of users, merchants and notices, and what they may change."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from accounts.models import Merchant, Notice, User
from accounts.services import ops_group
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead_notice(adas_merchant: Merchant) -> Notice:
    return Notice.objects.create(
        merchant=adas_merchant,
        lane=str(adas_merchant.pk),
        subject="Your key expires",
        body="Soon.",
        dedupe_key="one",
        state=Notice.State.DEAD,
        finished_at=timezone.now() - timedelta(hours=1),
        problem="ConnectionRefusedError",
    )


@pytest.fixture
def opal(olga: User) -> User:
    """Opal, of the ops group, who is no superuser."""
    olga.is_superuser = False
    olga.save()
    olga.groups.add(ops_group())
    return olga


@pytest.fixture
def opals_browser(opal: User) -> Client:
    return people.a_client_of(opal, second_factor=True)


@pytest.mark.parametrize("page", ["merchant", "user", "notice"])
def test_ops_staff_see_the_lists(opals_browser: Client, ben: User, dead_notice: Notice, page: str) -> None:
    answer = opals_browser.get(f"/ops/accounts/{page}/?q=ada")

    assert answer.status_code == 200
    assert "Ada" in answer.content.decode()


def test_a_merchant_shows_its_members(opals_browser: Client, ben: User, adas_merchant: Merchant) -> None:
    page = opals_browser.get(f"/ops/accounts/merchant/{adas_merchant.pk}/change/").content.decode()

    assert "ada@example.com" in page
    assert "ben@example.com" in page


@pytest.mark.parametrize("page", ["merchant", "user", "notice"])
def test_nothing_is_added_by_hand(olgas_browser: Client, page: str) -> None:
    assert olgas_browser.get(f"/ops/accounts/{page}/add/").status_code == 403


def test_nothing_is_deleted_by_hand(olgas_browser: Client, adas_merchant: Merchant) -> None:
    assert olgas_browser.post(f"/ops/accounts/merchant/{adas_merchant.pk}/delete/").status_code == 403


def test_ops_staff_cannot_make_themselves_superusers(opals_browser: Client, opal: User) -> None:
    opals_browser.post(
        f"/ops/accounts/user/{opal.pk}/change/",
        {"is_superuser": "on", "is_active": "on", "email": "changed@example.com"},
    )

    opal.refresh_from_db()
    assert (opal.is_superuser, opal.email) == (False, "olga@example.com")


def test_a_superuser_may_keep_a_user_out(olgas_browser: Client, ada: User) -> None:
    olgas_browser.post(f"/ops/accounts/user/{ada.pk}/change/", {})

    ada.refresh_from_db()
    assert not ada.is_active


def test_a_dead_notice_can_be_sent_again(opals_browser: Client, dead_notice: Notice) -> None:
    opals_browser.post(
        "/ops/accounts/notice/", {"action": "send_again", "_selected_action": [dead_notice.pk]}
    )

    dead_notice.refresh_from_db()
    assert (dead_notice.state, dead_notice.attempts) == (Notice.State.WAITING, 0)


def test_the_ops_desk_offers_no_session_keys_or_second_factors() -> None:
    offered = {model._meta.label for model in admin.site._registry}

    assert not offered & {
        "usersessions.UserSession",
        "mfa.Authenticator",
        "account.EmailAddress",
        "sessions.Session",
    }
