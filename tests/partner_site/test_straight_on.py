"""Deliveries go past most middleware, and are answered as everybody is."""

import pytest
from django.test import Client
from pytest_django import Settings

DELIVERIES = "/webhooks/stripe/"
TOLD = (
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-Robots-Tag",
)


@pytest.mark.parametrize("is_secure", [True, False])
def test_delivery_is_answered_with_the_headers_of_every_private_answer(
    client: Client, settings: Settings, is_secure: bool
) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    delivery = client.post(DELIVERIES, b"{}", content_type="application/json", secure=is_secure)
    other = client.get("/healthz", secure=is_secure)

    assert delivery.status_code == 400
    assert {name: delivery.headers.get(name) for name in TOLD} == {
        name: other.headers.get(name) for name in TOLD
    }


def test_host_that_is_not_ours_is_refused_with_the_same_headers(client: Client) -> None:
    refused = client.post(
        DELIVERIES, b"{}", content_type="application/json", headers={"Host": "elsewhere.example"}
    )

    assert refused.status_code == 400
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in refused.headers


def test_delivery_without_tls_is_sent_to_it(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True

    sent_on = client.post(DELIVERIES, b"{}", content_type="application/json")

    assert (sent_on.status_code, sent_on.headers["Location"][:8]) == (301, "https://")
