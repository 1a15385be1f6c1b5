"""What the key endpoint refuses, in which order, and in whose words."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import PATH, VERSION, App, a_pair, an_app, pem_of, public_key

GENERAL_VERSION = "2026-10-28.endive"


@pytest.fixture
def app(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=False)


@pytest.fixture
def live(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=True)


def refused(client: stripe.StripeClient, **body: Any) -> tuple[int | None, str]:
    with pytest.raises(stripe.StripeError) as caught:
        client.raw_request("post", PATH, **(body or {"type": "secret_key"}))
    return caught.value.http_status, str(caught.value.user_message)


# The gates


def test_gates_are_asked_one_after_the_other(simulator: SimulatorProcess, client: Client) -> None:
    """Everything is wrong at first; each step mends what the one before it was refused for."""
    admin = simulator.admin
    account = admin.create_account("Ada's shop", activated=False)
    of_the_merchant = admin.create_key(account, livemode=True, kind="secret")["token"]
    limited = admin.create_key(simulator.platform_account, livemode=True, permissions=["api_key_write"])
    ours, whole = limited["token"], simulator.platform_keys["live"]
    bad: Json = {"type": "secret_key", "colour": "red"}
    found = [refused(client(ours, version=GENERAL_VERSION, context=account), **bad)]
    admin.create_install(account, livemode=True)

    found.append(refused(client(of_the_merchant, version=GENERAL_VERSION), **bad))
    found.append(refused(client(of_the_merchant, version=VERSION), **bad))
    found.append(refused(client(ours, version=VERSION, context=account), **bad))
    admin.change_key(limited["id"], connect_permissions=["api_key_write"])
    found.append(refused(client(ours, version=VERSION), **bad))
    found.append(refused(client(ours, version=VERSION, context=account), **bad))
    admin.switch(api_key_write_approved=True)
    found.append(refused(client(whole, version=VERSION, context=account), **bad))

    application, key = "This application", "Permission denied"
    words = ("access to account", "preview", application, key, "Stripe-Context", application, "activated")
    assert [status for status, _ in found] == [403, 400, 403, 403, 400, 403, 403]
    for (_, said), word in zip(found, words, strict=True):
        assert word in said


def test_restricted_key_of_the_app_may_make_keys_on_connected_accounts(app: App, client: Client) -> None:
    ours = app.simulator.admin.create_key(
        app.simulator.platform_account, permissions=[], connect_permissions=["api_key_write"]
    )

    made = client(ours["token"], version=VERSION, context=app.account).raw_request(
        "post", PATH, type="secret_key", permissions=["charge_read"]
    )

    assert made.data["status"] == "active"


def test_account_that_is_not_activated_has_test_keys_only(
    simulator: SimulatorProcess, client: Client
) -> None:
    simulator.admin.switch(api_key_write_approved=True)
    account = simulator.admin.create_account(activated=False)
    for livemode in (True, False):
        simulator.admin.create_install(account, livemode=livemode)

    assert App(simulator, client, account, livemode=False).create()["status"] == "active"
    live = App(simulator, client, account, livemode=True)
    assert live.refusal("post", type="secret_key", public_key=public_key())[0] == 403
    assert live.ask("get")["data"] == []


@pytest.mark.parametrize("way", ["another mode", "another account", "no such key"])
def test_key_is_found_on_its_own_account_and_mode_only(way: str, app: App, live: App) -> None:
    asked = {"another mode": live, "another account": an_app(app.simulator, app.client, livemode=False)}
    named = "mk_1nosuchkey" if way == "no such key" else app.create()["id"]

    assert asked.get(way, app).refusal("get", f"/{named}") == (404, f"Object {named} was not found.")


# Fields


FIELDS: dict[str, tuple[str, str]] = {
    "status": ("status", "status: Unknown field, did you mean name, note?"),
    "allowlist": ("ip_allowlist", "ip_allowlist: Unknown field."),
    "expiry": ("expires_at", "expires_at: Unknown field."),
}


@pytest.mark.parametrize("field", FIELDS)
def test_update_refuses_what_it_does_not_have(field: str, app: App) -> None:
    name, said = FIELDS[field]
    made = app.create()

    assert app.refusal("post", f"/{made['id']}", **{name: ["127.0.0.1"], "name": "New"}) == (400, said)
    assert app.ask("get", f"/{made['id']}")["name"] == made["name"], "nothing was changed"


# Key pairs are made when a test asks for one.
BAD: dict[str, tuple[Callable[[], Json], str]] = {
    "type": (lambda: {"type": "session_key"}, "type: "),
    "no type": (lambda: {"type": None}, "type: "),
    "field": (lambda: {"ip_allowlist": []}, "ip_allowlist: Unknown field."),
    "permission": (
        lambda: {"permissions": ["charge_read", "rak_charge_read"]},
        "Invalid permissions: rak_charge_read",
    ),
    "write": (lambda: {"permissions": ["balance_write"]}, "Invalid permissions: balance_write"),
    "connect": (lambda: {"connect_permissions": ["fly_write"]}, "Invalid permissions: fly_write"),
    "no list": (lambda: {"permissions": "charge_read"}, "permissions: "),
    "name": (lambda: {"name": 7}, "name: "),
    "date": (lambda: {"expires_at": "tomorrow"}, "expires_at: "),
    "publishable": (
        lambda: {"type": "publishable_key", "public_key": public_key()},
        "public_key: not allowed",
    ),
    "algorithm": (lambda: {"public_key": public_key(algorithm="EC")}, "public_key.pem_key.algorithm: "),
    "no key": (lambda: {"public_key": {"id": "label"}}, "public_key.pem_key"),
    "no pem": (lambda: {"public_key": public_key("MIIB")}, "public_key.pem_key.data: Invalid PEM."),
    "one line": (
        lambda: {"public_key": public_key(pem_of(a_pair()).replace("\n", " "))},
        "public_key.pem_key.data: Invalid PEM.",
    ),
    "garbled": (
        lambda: {"public_key": public_key(pem_of(a_pair()).replace("M", "A"))},
        "public_key.pem_key.data: Invalid PEM.",
    ),
    "short": (
        lambda: {"public_key": public_key(pem_of(a_pair(1024)))},
        "public_key.pem_key.data: RSA keys need 2048",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_create_refuses_what_stripe_refuses(case: str, app: App) -> None:
    fields, said = BAD[case]

    status, sentence = app.refusal(
        "post", **{"type": "secret_key", "permissions": ["charge_read"], **fields()}
    )

    assert status == 400
    assert sentence.startswith(said)
    assert app.simulator.admin.keys(app.account) == []


def test_body_of_the_public_key_needs_no_line_breaks(live: App) -> None:
    head, *body, foot = pem_of(a_pair()).split("\n")[:-1]

    made = live.create(public_key=public_key("\n".join([head, "".join(body), foot])))

    assert made["secret_key"]["encrypted_secret"]["format"] == "jwe_compact"


def test_live_secret_needs_a_public_key(live: App) -> None:
    made = live.create()

    for path in ("", f"/{made['id']}/rotate"):
        body = {} if path else {"type": "secret_key"}
        assert live.refusal("post", path, **body) == (
            400,
            "public_key: required for secret keys in live mode.",
        )


@pytest.mark.parametrize("minutes", [10_081, -1, "10", True])
def test_overlap_is_seven_days_at_most(minutes: object, app: App) -> None:
    made = app.create()

    status, said = app.refusal("post", f"/{made['id']}/rotate", expire_current_key_in_minutes=minutes)

    assert (status, said) == (400, "expire_current_key_in_minutes: must be at most 10080.")
    assert len(app.ask("get")["data"]) == 1


def test_publishable_key_does_not_expire(app: App) -> None:
    made = app.ask("post", type="publishable_key")

    assert app.refusal("post", f"/{made['id']}/expire")[0] == 400


def test_limit_is_a_hundred(app: App) -> None:
    assert app.refusal("get", limit="101") == (400, "limit: The maximum page limit is 100")


def test_every_known_permission_is_taken(app: App) -> None:
    """The measured list has 158 names; these are some that a list of this site's own would lack."""
    wanted = [
        "api_key_write",
        "issuing_credit_ledger_write",
        "payout_intent_read",
        "sku_read",
        "webhook_write",
    ]

    assert app.create(permissions=wanted)["permissions"] == wanted
