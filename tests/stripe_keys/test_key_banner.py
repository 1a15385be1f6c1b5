"""The reminder on other pages while a key is ending, or has ended without another."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("active", {"rotated_at": timezone.now()}),
        ("active", {"expires_at": timezone.now() + timedelta(days=1)}),
        ("expired", {"last_checked_at": timezone.now(), "last_problem": "key_expired"}),
    ],
)
def test_other_pages_remind_of_a_key_that_ends(
    adas_browser: Client, ada: User, status: str, fields: dict[str, Any]
) -> None:
    key = a_key(ada, status, **fields)

    page = adas_browser.get("/stripe/connect/test/").content.decode()

    assert f"ending in {key.last4}" in page
    assert reverse("stripe_keys:key_detail", args=[key.pk]) in page


def test_nothing_is_said_once_another_key_serves(adas_browser: Client, ada: User) -> None:
    old = a_key(ada, "expired", last_checked_at=timezone.now(), last_problem="key_expired")
    a_key(ada, "active")

    assert old.last4 not in adas_browser.get("/stripe/connect/test/").content.decode()


def test_the_reminder_costs_one_query(adas_browser: Client, ada: User) -> None:
    a_key(ada, rotated_at=timezone.now())

    with CaptureQueriesContext(
        connection,
    ) as queries:
        adas_browser.get("/stripe/connect/test/")

    assert sum("stripe_keys_restrictedkey" in query["sql"] for query in queries) == 1
