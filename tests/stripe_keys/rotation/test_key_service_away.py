"""While a key service is away nothing is lost, nothing is judged, and the next run goes on."""

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from stripe_keys import vault
from stripe_keys.models import KeyUse, MerchantDataKey
from stripe_keys.vault import data_keys, ring
from tests.stripe_keys.rotation.leaving import KEK_ID, LeavingKeys
from tests.stripe_keys.rotation.stored import (
    a_local_key,
    everything_wrapped,
    many_stored_keys,
    run,
)

pytestmark = pytest.mark.django_db
PLENTY = 10_000


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch, old_kek: str, settings: Settings) -> Iterator[type[LeavingKeys]]:
    """A key service that can be chosen, in the place of one that is a network away."""
    monkeypatch.setitem(ring._SERVICES, "aws-kms", (LeavingKeys.__module__, LeavingKeys.__name__))
    monkeypatch.setattr(LeavingKeys, "answers", PLENTY)
    ring.service.cache_clear()
    yield LeavingKeys
    ring.service.cache_clear()


def test_keys_move_from_the_settings_to_a_service_and_back(
    leaving: type[LeavingKeys], settings: Settings
) -> None:
    keys = many_stored_keys(3)
    settings.KEY_SERVICE = "aws-kms"
    there = run("rewrap_data_keys")
    assert {kek_id for _, kek_id, _ in everything_wrapped()} == {KEK_ID}

    settings.KEY_SERVICE = "local"
    back = run("rewrap_data_keys")

    assert not there.failed
    assert not back.failed
    assert f"0 rows on kek {KEK_ID}" in back.output
    leaving.answers = 0
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


def test_a_service_that_leaves_in_the_middle_leaves_what_was_done(
    leaving: type[LeavingKeys], settings: Settings
) -> None:
    keys = many_stored_keys(7)
    settings.KEY_SERVICE = "aws-kms"
    vault.ensure_canary(KEK_ID)
    leaving.answers = 1 + 4  # its canary, then four of seven

    ran = run("rewrap_data_keys", "--batch-size", "3")

    assert ran.failed
    assert ran.output.endswith("Data keys moved: 4. Then: The key service did not answer. Run it again.")
    assert MerchantDataKey.objects.counts_by_kek_id() == {KEK_ID: 4, "k1": 3}
    leaving.answers = PLENTY
    assert not run("rewrap_data_keys").failed
    assert MerchantDataKey.objects.counts_by_kek_id() == {KEK_ID: 7}
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


def test_a_service_that_is_away_from_the_beginning_changes_nothing(
    leaving: type[LeavingKeys], settings: Settings
) -> None:
    many_stored_keys(1)
    settings.KEY_SERVICE = "aws-kms"
    leaving.answers = 0
    before = everything_wrapped()

    ran = run("rewrap_data_keys")

    assert ran.failed
    assert "did not answer" in ran.output
    assert everything_wrapped() == before


def test_a_merchants_rotation_stops_before_anything_is_opened(
    leaving: type[LeavingKeys], settings: Settings
) -> None:
    settings.KEY_SERVICE = "aws-kms"
    [key, *_] = many_stored_keys(2)
    settings.KEY_SERVICE, settings.KEY_ENCRYPTION_KEYS = "local", [a_local_key("k2")]
    data_keys.forget()
    leaving.answers = 0
    before = everything_wrapped()

    ran = run("rotate_merchant_key", "--all")

    assert ran.failed
    assert "Stopped at merchant" in ran.output
    assert "Run it again." in ran.output
    assert everything_wrapped() == before
    assert not KeyUse.objects.exists()
    leaving.answers = PLENTY
    assert not run("rotate_merchant_key", "--all").failed
    assert vault.decrypt(key).last4 == key.last4


def test_fingerprints_stop_and_go_on(leaving: type[LeavingKeys], settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = [a_local_key("f1")]
    settings.KEY_SERVICE = "aws-kms"
    keys = many_stored_keys(3)
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), *settings.FINGERPRINT_KEYS]
    data_keys.forget()
    leaving.answers = 2

    ran = run("rotate_fingerprints")

    assert ran.failed
    assert ran.output == "2 kept keys marked with f2.\nStopped: The key service did not answer. Run it again."
    assert KeyUse.objects.count() == 2
    leaving.answers = PLENTY
    assert not run("rotate_fingerprints").failed
    assert KeyUse.objects.count() == len(keys)


def test_the_page_of_data_keys_opens_while_the_service_is_away(
    leaving: type[LeavingKeys],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    olgas_browser: Client,
) -> None:
    many_stored_keys(1)
    settings.KEY_SERVICE = "aws-kms"
    leaving.answers = 0
    monkeypatch.setattr(LeavingKeys, "primary_kek_id", LeavingKeys.health)

    page = olgas_browser.get("/ops/stripe_keys/merchantdatakey/")

    assert page.status_code == 200
    assert "The primary key-encryption key is not known now" in page.content.decode()
    assert "rewrap_data_keys" not in page.content.decode()
