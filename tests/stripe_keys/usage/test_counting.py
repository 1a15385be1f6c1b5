"""What is made of each request that the partner's code sends with a key: one number, and nothing of what it said."""

import asyncio
import json
import logging
from datetime import UTC, datetime

import pytest
import stripe
from django.db import transaction

from stripe_keys import usage
from stripe_keys.clients import StripeClient, UseAThread, stripe_client
from stripe_keys.models import KeyUsage, RestrictedKey
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.stripe_keys.usage.noted import counted

ERROR = {"type": "invalid_request_error", "message": "No."}


def test_requests_are_counted_by_template_and_outcome(client: StripeClient, key: RestrictedKey) -> None:
    for _ in range(3):
        client.v1.charges.list({"limit": 1})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.retrieve("cus_NobodyHere")

    assert counted(key) == {
        ("GET", "/v1/charges", "ok"): 3,
        ("GET", "/v1/customers/{customer}", "invalid"): 1,
    }
    assert {row.day for row in KeyUsage.objects.all()} <= {datetime.now(UTC).date()}

    client.v1.charges.list()

    assert counted(key)["GET", "/v1/charges", "ok"] == 4


def test_a_retry_is_a_request_of_its_own(
    client: StripeClient, key: RestrictedKey, at_stripe: AtStripe, stripes_key: StripeKey
) -> None:
    at_stripe.admin.add_fault("error", status=503, key=stripes_key.id, times=1)

    client.v1.charges.list()

    assert counted(key) == {("GET", "/v1/charges", "no_answer"): 1, ("GET", "/v1/charges", "ok"): 1}


def test_no_retry_is_made_for_who_wants_none(
    key: RestrictedKey, at_stripe: AtStripe, stripes_key: StripeKey
) -> None:
    client = stripe_client(merchant=key.merchant, livemode=False, max_network_retries=0)
    at_stripe.admin.add_fault("reset", key=stripes_key.id, times=1)

    with pytest.raises(stripe.APIConnectionError):
        client.v1.charges.list()

    assert counted(key) == {("GET", "/v1/charges", "no_answer"): 1}


def test_work_that_is_rolled_back_still_called_stripe(client: StripeClient, key: RestrictedKey) -> None:
    with transaction.atomic():
        client.v1.charges.list()
        assert counted(key) == {("GET", "/v1/charges", "ok"): 1}
        transaction.set_rollback(True)

    assert counted(key) == {("GET", "/v1/charges", "ok"): 1}


def test_nothing_that_a_call_says_is_kept(
    client: StripeClient,
    key: RestrictedKey,
    at_stripe: AtStripe,
    stripes_key: StripeKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    token, secrets = stripes_key.token, ("SUMMERCANARY", "cus_CANARY", "canary@example.com", "evil/CANARY")

    def attempt(method: str, path: str, **params: str) -> None:
        with pytest.raises(stripe.StripeError):
            client.raw_request(method, path, **params)

    at_stripe.admin.add_fault("quoting", status=401, key=stripes_key.id, times=1)
    attempt("get", "/v1/charges/SUMMERCANARY")
    attempt("get", "/v1/coupons/SUMMERCANARY?expand[]=cus_CANARY")
    attempt("post", "/v1/customers/cus_CANARY", email="canary@example.com")
    attempt("delete", "/v1/customers/cus_CANARY")
    attempt("get", "/v1/customers/search", query="email:'canary@example.com'")
    attempt("get", "/v1/evil/CANARY/cus_CANARY")
    attempt("get", f"/v1/{token}")
    attempt("get", f"/v1/customers/{token}")

    assert sum(counted(key).values()) == 8
    kept = str(list(KeyUsage.objects.values())) + caplog.text
    for secret in (*secrets, "canary", token, token[8:-4], stripes_key.account):
        assert secret.lower() not in kept.lower()


def test_a_call_without_a_thread_of_its_own_is_refused(client: StripeClient) -> None:
    with pytest.raises(UseAThread, match="to_thread"):
        asyncio.run(client.v1.charges.list_async())
    with pytest.raises(UseAThread):
        asyncio.run(client.raw_request_async("get", "/v1/charges"))
    with pytest.raises(UseAThread):
        asyncio.run(client.v1.quotes.pdf_async("qt_1"))


def test_a_streamed_answer_is_counted_and_left_to_who_asked(client: StripeClient, key: RestrictedKey) -> None:
    answer = client._requestor.request_stream("get", "/v1/charges", base_address="api")

    assert json.loads(answer.io.read())["object"] == "list"
    assert counted(key) == {("GET", "/v1/charges", "ok"): 1}


@pytest.mark.parametrize(
    ("status", "refusal", "outcome"),
    [
        (200, None, "ok"),
        (204, None, "ok"),
        (302, None, "no_answer"),
        (400, None, "invalid"),
        (402, None, "invalid"),
        (404, None, "invalid"),
        (409, None, "throttled"),
        (429, None, "throttled"),
        (500, None, "no_answer"),
        (None, None, "no_answer"),
        (401, json.dumps({"error": ERROR}).encode(), "unauthorized"),
        (403, json.dumps({"error": ERROR}).encode(), "forbidden"),
        (403, json.dumps({"error": {**ERROR, "code": "account_invalid"}}).encode(), "invalid"),
        (403, json.dumps({"error": {**ERROR, "code": "lock_timeout"}}).encode(), "throttled"),
        (401, b"<html>Sign in to the hotel's network</html>", "no_answer"),
        (403, b"[" * 100_000, "no_answer"),
        (403, b"null", "no_answer"),
        (401, None, "unauthorized"),
        (403, None, "forbidden"),
    ],
    ids=lambda value: str(value)[:90],
)
def test_an_ending_has_one_name(status: int | None, refusal: bytes | None, outcome: str) -> None:
    assert usage.outcome_of(status, refusal) == outcome
