"""The front page, and where it sends whom."""

import json
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant
from accounts.services import ensure_user
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_stranger_reads_what_this_is(client: Client) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert "How your key is kept" in answer.content.decode()


def test_what_a_key_cannot_do_is_said_as_long_as_it_is_so(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    before = client.get("/").content.decode()
    manifest = tmp_path / "app.json"
    wanted = [{"permission": one, "purpose": "Needed."} for one in ("payout_read", "customer_write")]
    manifest.write_text(json.dumps({"permissions": wanted}))
    settings.STRIPE_APP_MANIFEST = manifest

    after = client.get("/").content.decode()

    assert "Move money" in before
    assert "can only read" in before
    assert "Change Customers" in after
    assert not any(
        words in after for words in ("Move money", "Issue refunds", "Change your settings", "only read")
    )


def test_a_merchant_goes_to_their_keys(adas_browser: Client) -> None:
    assert adas_browser.get("/").headers["Location"] == "/stripe/keys/"


def test_staff_go_to_the_ops_desk(olgas_browser: Client) -> None:
    assert olgas_browser.get("/").headers["Location"] == "/ops/"


def test_a_member_of_a_closed_merchant_goes_to_what_was_erased(
    adas_browser: Client, adas_merchant: Merchant
) -> None:
    Merchant.objects.filter(pk=adas_merchant.pk).update(closed_at=timezone.now())

    assert adas_browser.get("/").headers["Location"] == "/stripe/erased/"


def test_the_front_page_is_only_read(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_somebody_without_any_merchant_is_told(client: Client) -> None:
    client.force_login(ensure_user(email="nora@example.com", password=PASSWORD))

    assert "belongs to no merchant" in client.get("/").content.decode()
