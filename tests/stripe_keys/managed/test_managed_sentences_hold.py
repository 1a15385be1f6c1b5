"""What the pages of managed keys say holds where an app is missing, where who made a key is not who brings the next."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from stripe_keys import managed_problems
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.managed.test_managed_pages import made_key, managed, seen
from tests.stripe_keys.rows import ACCOUNT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def offered(settings: Settings, ada: User) -> None:
    """Offered in test mode, and Ada's account is connected."""
    settings.MANAGED_KEYS = ["test"]
    bind_account(ada, ACCOUNT)


def test_missing_app_is_installed_from_where_it_is_missed(adas_browser: Client, ada: User) -> None:
    managed(ada, problem=managed_problems.NOT_INSTALLED)

    assert 'href="/stripe/connect/test/">Install the app' in seen(adas_browser)


def test_who_brings_the_next_key_is_told_apart_from_who_made_this_one(
    adas_browser: Client, ada: User
) -> None:
    managed(ada, is_on=False)
    made_key(ada)

    page = seen(adas_browser)

    assert "<dt>New keys come from</dt><dd>You, by pasting</dd>" in page
    assert "made by the app</span>" in page


@pytest.mark.parametrize(
    ("status", "problem"),
    [("limited", ""), ("active", managed_problems.NOT_APPROVED)],
    ids=["limited", "not-made"],
)
def test_nobody_is_told_that_there_is_nothing_to_do_beside_what_there_is(
    adas_browser: Client, ada: User, status: str, problem: str
) -> None:
    managed(ada, problem=problem)
    made_key(ada, status)

    page = seen(adas_browser)

    assert "The app makes the key, renews it and ends the old one.</p>" in page
    assert "nothing for you to do" not in page


@pytest.mark.parametrize("problem", [managed_problems.AWAY])
def test_merchant_without_a_key_is_not_told_that_one_works(
    adas_browser: Client, ada: User, problem: str
) -> None:
    managed(ada, problem=problem)

    assert "the key you have" not in seen(adas_browser)
