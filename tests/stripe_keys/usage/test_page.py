"""Ops see what keys are used for, and change none of it."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db
LIST = reverse("admin:stripe_keys_keyusage_changelist")


@pytest.fixture(autouse=True)
def calls(ada: User) -> None:
    """Two keys of Ada's were used."""
    for livemode, template, outcome in ((False, "/v1/charges", "ok"), (True, "/v1/payouts", "forbidden")):
        key = a_key(ada, livemode=livemode)
        key.usage.create(day=date(2026, 7, 1), method="GET", template=template, outcome=outcome, count=17)


@pytest.mark.parametrize(
    ("choice", "seen"),
    [
        ({}, {"/v1/charges", "/v1/payouts"}),
        ({"mode": "live"}, {"/v1/payouts"}),
        ({"outcome__exact": "ok"}, {"/v1/charges"}),
        ({"q": "payouts"}, {"/v1/payouts"}),
        ({"mode": "odd"}, {"/v1/charges", "/v1/payouts"}),
    ],
    ids=["all", "mode", "outcome", "search", "no such mode"],
)
def test_counts_are_listed_and_filtered(
    olgas_browser: Client, choice: dict[str, str], seen: set[str]
) -> None:
    page = olgas_browser.get(LIST, choice).content.decode()

    assert {path for path in ("/v1/charges", "/v1/payouts") if f"GET {path}" in page} == seen


def test_nobody_adds_or_removes_one(olgas_browser: Client) -> None:
    assert olgas_browser.get(reverse("admin:stripe_keys_keyusage_add")).status_code == 403
    assert "delete" not in olgas_browser.get(LIST).content.decode().lower()
