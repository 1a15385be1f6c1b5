"""A manifest may ask for permissions to write: they are proven and shown like the others."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import AtStripe, checked, paste

ASKED = ["connected_account_read", "customer_read", "customer_write", "terminal_reader_write"]


@pytest.fixture(autouse=True)
def manifest_that_writes(settings: Settings, tmp_path: Path) -> None:
    """The app asks to write customers and Terminal readers."""
    wanted = [{"permission": name, "purpose": "To try it."} for name in ASKED]
    settings.STRIPE_APP_MANIFEST = tmp_path / "stripe-app.json"
    settings.STRIPE_APP_MANIFEST.write_text(json.dumps({"permissions": wanted}))


@pytest.mark.parametrize("livemode", [False, True], ids=["test", "live"])
def test_key_that_may_only_read_is_limited_and_says_what_it_cannot_write(
    ada: User, at_stripe: AtStripe, livemode: bool
) -> None:
    held = ["connected_account_read", "customer_read", "terminal_reader_write"]
    stripe_key = at_stripe.bound_key(ada, permissions=held, livemode=livemode)
    before = at_stripe.admin.counts()["writes"]

    key = checked(paste(ada, stripe_key.token))

    assert key.status == RestrictedKey.Status.LIMITED
    assert key.status_changes.latest("at").reason == "Stripe accepts it, without: Customers: write."
    assert at_stripe.admin.counts()["writes"] == before


def test_key_page_shows_reading_and_writing_apart(ada: User, client: Client, at_stripe: AtStripe) -> None:
    client.force_login(ada)
    stripe_key = at_stripe.bound_key(ada, permissions=["connected_account_read", "customer_read"])
    key = checked(paste(ada, stripe_key.token))

    page = client.get(reverse("stripe_keys:key_detail", args=[key.pk])).content.decode()

    words = " ".join(strip_tags(page).split())
    assert set(re.findall(r"(Customers|Terminal readers):? (read|write)", words)) == {
        ("Customers", "read"),
        ("Customers", "write"),
        ("Terminal readers", "write"),
    }
