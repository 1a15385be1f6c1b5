"""Stripe's endpoint for keys: lists are read to their end and no further, and no text of a key comes along."""

from typing import Any

import pytest

from stripe_keys import gateway, vault
from stripe_keys.gateway import key_endpoint
from stripe_keys.gateway.app_answers import StripeUnavailable
from tests.stripe_keys.managed.conftest import Managed, both_modes


def listed(managed: Managed) -> list[key_endpoint.Listed]:
    """The keys of the account, as the site sees them."""
    return list(key_endpoint.keys_of(livemode=managed.livemode, context=managed.account))


def made_at_stripe(managed: Managed, **more: Any) -> str:
    """A key that somebody made on the account; its text."""
    made = managed.at_stripe.admin.create_key(managed.account, livemode=managed.livemode, **more)
    return str(made["token"])


def a_public_key() -> dict[str, Any]:
    """A public key of this test's own."""
    return {"id": "label", "pem_key": {"algorithm": "RSA", "data": vault.new_delivery_key().public_pem}}


def test_list_is_read_to_its_last_page(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_endpoint, "_PAGE", 2)
    for number in range(5):
        made_at_stripe(managed, name=f"Key {number}")

    found = listed(managed)

    assert sorted(one.name for one in found) == [f"Key {number}" for number in range(5)]
    assert managed.asked() == ["GET", "GET", "GET"]


@pytest.mark.parametrize(
    "host",
    ["http://elsewhere.example", "//elsewhere.example", "http://127.0.0.1:9", "ftp:"],
    ids=["host", "host-alone", "port", "scheme"],
)
def test_page_on_another_server_is_not_asked_for(
    managed: Managed, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(key_endpoint, "_PAGE", 1)
    made_at_stripe(managed)
    made_at_stripe(managed)
    managed.at_stripe.admin.switch(next_page_host=host)

    with pytest.raises(StripeUnavailable, match="leads elsewhere"):
        listed(managed)

    assert managed.asked() == ["GET"]


def test_list_that_does_not_end_is_given_up(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_endpoint, "_PAGE", 1)
    monkeypatch.setattr(key_endpoint, "_MOST_PAGES", 2)
    for _ in range(3):
        made_at_stripe(managed)

    with pytest.raises(StripeUnavailable, match="does not end"):
        listed(managed)


def test_texts_that_stripe_lists_stay_behind(managed: Managed) -> None:
    text = made_at_stripe(managed)
    whole = gateway.call_as_app(
        "get", key_endpoint.PATH, {}, livemode=managed.livemode, context=managed.account
    )

    (one,) = listed(managed)

    assert text in repr(whole)
    assert text[8:] not in repr(vars(one))
    assert one.publishable == ""


@both_modes
def test_text_of_a_key_that_was_made_does_not_print(managed: Managed) -> None:
    made = key_endpoint.create(
        body={"type": "secret_key", "permissions": ["charge_read"]}
        | ({"public_key": a_public_key()} if managed.livemode else {}),
        livemode=managed.livemode,
        context=managed.account,
        idempotency_key="once",
    )

    text = managed.token_at_stripe()
    assert made.encrypted if managed.livemode else made.secret
    for shown in (repr(made), f"{made}"):
        assert text[8:] not in shown
        assert not made.encrypted or made.encrypted not in shown
