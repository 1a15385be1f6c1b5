"""Every refusal the simulator makes, and the class the stock SDK raises for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client

V1 = "/v1/customers"
V2 = "/v2/core/events"
OTHER = "acct_1SomebodyElse000"


@dataclass
class Scene:
    """What a case needs: the simulator, an account, a good key of it, and clients."""

    simulator: SimulatorProcess
    account: str
    key: Json
    client: Client

    def call(
        self, path: str = V1, method: str = "get", key: str = "", **options: str
    ) -> stripe.StripeResponse:
        client = self.client(key or self.key["token"])
        return cast(stripe.StripeResponse, client.raw_request(method, path, **options))

    def fault(self, kind: str, **rule: object) -> None:
        self.simulator.admin.add_fault(kind, key=self.key["id"], **rule)


Case = tuple[Callable[[Scene], object], type[stripe.StripeError], int | None, str | None]


def expired(scene: Scene) -> object:
    scene.simulator.admin.expire_key(scene.key["id"], lag=0)
    return scene.call()


def refused_address(scene: Scene) -> object:
    scene.simulator.admin.change_key(scene.key["id"], ip_allowlist=["203.0.113.7"])
    return scene.call()


def missing_permission(wording: str) -> Callable[[Scene], object]:
    def case(scene: Scene) -> object:
        scene.simulator.admin.change_key(scene.key["id"], permissions=["charge_read"], wording=wording)
        return scene.call()

    return case


def other_mode(scene: Scene) -> object:
    made = scene.simulator.admin.create_object(scene.account, V1, livemode=True)
    return scene.call(f"{V1}/{made['id']}")


def other_body(scene: Scene) -> object:
    scene.simulator.admin.change_key(scene.key["id"], permissions=["customer_write"])
    scene.call(method="post", name="One", idempotency_key="k")
    return scene.call(method="post", name="Two", idempotency_key="k")


def faulty(kind: str, path: str = V1, **rule: object) -> Callable[[Scene], object]:
    def case(scene: Scene) -> object:
        scene.simulator.admin.change_key(scene.key["id"], permissions=["customer_read", "event_read"])
        scene.fault(kind, **rule)
        return scene.call(path)

    return case


CASES: dict[str, Case] = {
    "unknown key": (lambda s: s.call(key="rk_test_" + "x" * 99), stripe.AuthenticationError, 401, None),
    "malformed key": (lambda s: s.call(key="nonsense"), stripe.AuthenticationError, 401, None),
    "expired key": (expired, stripe.AuthenticationError, 401, "api_key_expired"),
    "address not allowed": (refused_address, stripe.AuthenticationError, 401, None),
    "publishable key": (
        lambda s: s.call(key="pk_test_" + "x" * 30),
        stripe.PermissionError,
        403,
        "secret_key_required",
    ),
    "permission, 2021": (missing_permission("2021"), stripe.PermissionError, 403, None),
    "permission, 2026": (
        missing_permission("2026"),
        stripe.PermissionError,
        403,
        "more_permissions_required",
    ),
    "permission, vague": (missing_permission("vague"), stripe.PermissionError, 403, None),
    "other account": (lambda s: s.call(stripe_account=OTHER), stripe.PermissionError, 403, "account_invalid"),
    "other context": (
        lambda s: s.call(V2, stripe_context=OTHER),
        stripe.PermissionError,
        403,
        "account_invalid",
    ),
    "no such object": (lambda s: s.call(f"{V1}/cus_0"), stripe.InvalidRequestError, 404, "resource_missing"),
    "object of the other mode": (other_mode, stripe.InvalidRequestError, 404, "resource_missing"),
    "unknown address": (lambda s: s.call("/v1/nothing"), stripe.InvalidRequestError, 404, None),
    "limit too high": (lambda s: s.call(V1, limit="101"), stripe.InvalidRequestError, 400, None),
    "idempotency, other body": (other_body, stripe.IdempotencyError, 400, None),
    "rate limit, with reason": (
        faulty("rate_limit", reason="endpoint-rate"),
        stripe.RateLimitError,
        429,
        "rate_limit",
    ),
    "rate limit, without": (faulty("rate_limit"), stripe.RateLimitError, 429, "rate_limit"),
    "rate limit in v2": (faulty("rate_limit", V2), stripe.RateLimitError, 429, "rate_limit"),
    "lock time-out": (faulty("lock_timeout"), stripe.RateLimitError, 429, "lock_timeout"),
    "conflict": (faulty("conflict"), stripe.APIError, 409, "idempotency_key_in_use"),
    "500": (faulty("error"), stripe.APIError, 500, None),
    "503": (faulty("error", status=503), stripe.APIError, 503, None),
    "HTML from a proxy": (faulty("html", status=502), stripe.APIError, 502, None),
    "half of the JSON": (faulty("invalid_json"), stripe.APIError, 200, None),
    "body cut off": (faulty("truncated"), stripe.APIConnectionError, None, None),
    "connection reset": (faulty("reset"), stripe.APIConnectionError, None, None),
    "401 by fault": (
        faulty("unauthorized", reason="api_key_expired"),
        stripe.AuthenticationError,
        401,
        "api_key_expired",
    ),
}


@pytest.fixture
def scene(simulator: SimulatorProcess, client: Client) -> Scene:
    account = simulator.admin.create_account("Ada's shop")
    return Scene(simulator, account, simulator.admin.create_key(account), client)


@pytest.mark.parametrize("name", CASES)
def test_sdk_raises_the_class_of_each_refusal(name: str, scene: Scene) -> None:
    act, expected, status, code = CASES[name]

    with pytest.raises(stripe.StripeError) as caught:
        act(scene)

    assert type(caught.value) is expected
    assert caught.value.http_status == status
    if code is not None:
        assert isinstance(caught.value.json_body, dict)
        assert caught.value.json_body["error"]["code"] == code


@pytest.mark.parametrize("name", CASES)
def test_no_refusal_carries_a_whole_key(name: str, scene: Scene) -> None:
    act = CASES[name][0]

    with pytest.raises(stripe.StripeError) as caught:
        act(scene)

    assert scene.key["token"] not in f"{caught.value} {caught.value.http_body!r} {caught.value.headers}"


def test_call_without_a_key_is_told_how_to_send_one(scene: Scene) -> None:
    with pytest.raises(stripe.AuthenticationError, match="You did not provide an API key"):
        scene.call(key=" ")


def test_rate_limit_names_its_reason_only_when_it_has_one(scene: Scene) -> None:
    scene.fault("rate_limit", reason="global-rate")
    scene.fault("rate_limit")

    reasons = []
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError) as caught:
            scene.call()
        reasons.append((caught.value.headers or {}).get("Stripe-Rate-Limited-Reason"))

    assert reasons == ["global-rate", None]


def test_older_wording_names_the_permission_with_its_prefix(scene: Scene) -> None:
    with pytest.raises(stripe.PermissionError) as caught:
        missing_permission("2021")(scene)

    assert "Having the 'rak_customer_read' permission would allow" in str(caught.value)
    assert f"on account '{scene.account}'" in str(caught.value)
    assert scene.key["id"] not in str(caught.value)


def test_present_wording_names_permission_account_and_key(scene: Scene) -> None:
    with pytest.raises(stripe.PermissionError) as caught:
        missing_permission("2026")(scene)

    assert "Enabling Customers Read ('customer_read') permissions" in str(caught.value)
    assert f"/b/{scene.account}?destination=%2Ftest%2Fapikeys%2F{scene.key['id']}%2Fedit" in str(caught.value)


def test_vague_wording_names_nothing(scene: Scene) -> None:
    with pytest.raises(stripe.PermissionError) as caught:
        missing_permission("vague")(scene)

    for named in ("customer_read", "acct_", "mk_", "rk_"):
        assert named not in str(caught.value)


def test_other_mode_is_named(scene: Scene) -> None:
    with pytest.raises(
        stripe.InvalidRequestError, match="a similar object exists in live mode, but a test mode key"
    ):
        other_mode(scene)


def test_a_quoting_answer_holds_the_whole_key(scene: Scene) -> None:
    scene.fault("quoting", status=500)

    with pytest.raises(stripe.APIError) as refusal:
        scene.call()

    assert str(scene.key["token"]) in str(refusal.value)
    assert str(scene.key["token"]) in str(refusal.value.headers)
