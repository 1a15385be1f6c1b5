"""No key stands in the request log or on its page, wherever a caller has put one."""

import json
import urllib.request

import pytest
import stripe

from tests.simulator import SimulatorProcess, secret_like
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import PATH, VERSION, App, an_app, opened


@pytest.fixture
def app(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=False)


def everything_said(simulator: SimulatorProcess) -> str:
    """The request log and the pages that show it."""
    pages = []
    for path in ("/log", "/test/log"):
        with urllib.request.urlopen(f"{simulator.base_url}{path}", timeout=10) as answer:  # noqa: S310 - loopback
            pages.append(answer.read().decode())
    pages.append(simulator.log_file.read_text(encoding="utf-8"))
    return json.dumps(simulator.admin.requests()) + "".join(pages)


def test_keys_made_listed_and_rotated_are_not_in_the_log(app: App, client: Client) -> None:
    live = an_app(app.simulator, client, livemode=True)
    made = app.create()
    successor = app.ask("post", f"/{made['id']}/rotate")
    app.ask("get", include_expired="true")
    tokens = [one["secret_key"]["token"] for one in (made, successor)]
    tokens.append(opened(live.create()["secret_key"]["encrypted_secret"]))
    tokens += app.simulator.platform_keys.values()

    said = everything_said(app.simulator)

    assert f"POST {PATH}/{made['id']}/rotate" in said
    assert [token for token in tokens if token[8:] in said] == []


@pytest.mark.parametrize("place", ["path", "query", "context", "idempotency_key", "stripe_version", "body"])
def test_key_that_a_caller_has_put_anywhere_is_not_in_the_log(place: str, app: App, client: Client) -> None:
    token = secret_like("rk_live_", 99)
    caller = client(app.simulator.platform_keys["test"], version=VERSION, context=app.account)
    calls = {
        "path": lambda: caller.raw_request("get", f"{PATH}/{token}"),
        "query": lambda: caller.raw_request("get", PATH, page=token),
        "context": lambda: caller.raw_request("get", PATH, stripe_context=token),
        "idempotency_key": lambda: caller.raw_request(
            "post", PATH, type="publishable_key", name=7, idempotency_key=token
        ),
        "stripe_version": lambda: caller.raw_request("get", PATH, stripe_version=token),
        "body": lambda: caller.raw_request("post", PATH, type=token, **{token: token}),
    }

    with pytest.raises(stripe.StripeError):
        calls[place]()

    said = everything_said(app.simulator)
    assert PATH in said
    assert token[8:] not in said
    assert token[8:40] not in said
