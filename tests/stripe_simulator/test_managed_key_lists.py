"""Lists of keys, page by page."""

import pytest

from tests.simulator import SimulatorProcess
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import PATH, App, an_app


@pytest.fixture
def app(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=False)


def made(app: App, count: int) -> list[str]:
    """Ids, the newest first, as lists have them."""
    return [app.create(name=f"Key {number}")["id"] for number in range(count)][::-1]


def pages(app: App, **asked: str) -> list[list[str]]:
    """Ids of every page, each asked for at the address that the one before it names."""
    caller = app.client(
        app.simulator.platform_keys["test"], version="2026-04-22.preview", context=app.account
    )
    found = []
    answer = caller.raw_request("get", PATH, **asked).data
    while True:
        found.append([key["id"] for key in answer["data"]])
        if answer["next_page_url"] is None:
            return found
        answer = caller.raw_request("get", answer["next_page_url"]).data


def test_pages_hold_every_key_once(app: App) -> None:
    ids = made(app, 5)

    assert pages(app, limit="2") == [ids[:2], ids[2:4], ids[4:]]
    assert pages(app, limit="5") == [ids]


def test_pages_go_on_with_expired_keys(app: App) -> None:
    ids = made(app, 3)
    for key in ids:
        app.ask("post", f"/{key}/expire")

    assert pages(app, limit="1", include_expired="true") == [[key] for key in ids]
    assert pages(app) == [[]]


def test_page_goes_on_after_a_key_that_has_ended_since(app: App) -> None:
    ids = made(app, 3)
    following = app.ask("get", limit="1")["next_page_url"]

    app.ask("post", f"/{ids[0]}/expire")

    assert [key["id"] for key in app.ask("get", following.removeprefix(PATH))["data"]] == ids[1:2]


def test_page_that_never_was_is_refused(app: App) -> None:
    assert app.refusal("get", page="mk_1nosuchkey") == (400, "page: Invalid page token.")


@pytest.mark.parametrize("host", ["http://elsewhere.example", "//elsewhere.example", "@elsewhere.example"])
def test_next_page_leads_where_the_switch_says(host: str, app: App) -> None:
    made(app, 2)
    for number in range(2):
        app.simulator.admin.emit(f"v2.custom.number{number}", account=app.account)

    app.simulator.admin.switch(next_page_host=host)

    assert app.ask("get", limit="1")["next_page_url"].startswith(f"{host}{PATH}?")
    events = app.client(app.simulator.platform_keys["test"], context=app.account).v2.core.events
    assert str(events.list({"limit": 1}).next_page_url).startswith(f"{host}/v2/core/events?")
