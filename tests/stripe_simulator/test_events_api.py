"""What the app reads of an account's events, with its own key under the account's context."""

import json
import time

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client


def emitted(simulator: SimulatorProcess, account: str, count: int, **more: object) -> list[str]:
    return [simulator.admin.emit(f"v2.custom.number{n}", account=account, **more) for n in range(count)]


def test_event_of_another_account_is_not_found(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    other = simulator.admin.create_account()
    simulator.admin.create_install(other)
    [event] = emitted(simulator, account, 1)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client(simulator.platform_keys["test"], context=other).v2.core.events.retrieve(event)

    assert caught.value.http_status == 404
    assert caught.value.code == "not_found"


def test_list_goes_on_page_by_page(simulator: SimulatorProcess, client: Client, account: str) -> None:
    made = emitted(simulator, account, 7)

    listed = client(simulator.platform_keys["test"], context=account).v2.core.events.list({"limit": 3})

    assert [event.id for event in listed.auto_paging_iter()] == made[::-1]


def test_list_is_filtered_by_type_and_time(simulator: SimulatorProcess, client: Client, account: str) -> None:
    events = client(simulator.platform_keys["test"], context=account).v2.core.events
    emitted(simulator, account, 1, created=time.time() - 7200)
    emitted(simulator, account, 2)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))

    by_type = events.list({"types": ["v2.custom.number1"]}).data
    by_time = events.list({"created": {"gte": since}}).data
    before = events.list({"created": {"lt": since}}).data

    assert [event.type for event in by_type] == ["v2.custom.number1"]
    assert [event.type for event in by_time] == ["v2.custom.number1", "v2.custom.number0"]
    assert len(before) == 1


def test_many_events_are_published_and_delivered_to_nobody(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    simulator.admin.put_endpoint("ed_many", "http://127.0.0.1:9/", secrets=["whsec_x"], events=["*"])
    wanted = [{"type": f"v2.custom.many{n}", "account": account, "data": {"n": n}} for n in range(3)]

    made = simulator.admin.emit_many(wanted)

    simulator.admin.put_endpoint("ed_many", "http://127.0.0.1:9/", disabled=True)
    events = client(simulator.platform_keys["test"], context=account).v2.core.events
    assert [event.id for event in events.list().data] == [each["id"] for each in reversed(made)]
    assert [json.loads(each["body"])["type"] for each in made] == [each["type"] for each in wanted]
    assert "data" not in json.loads(made[0]["body"]), "a notification is thin"
    assert simulator.admin.deliveries(event=made[0]["id"]) == []


def test_events_are_kept_for_thirty_days(simulator: SimulatorProcess, client: Client, account: str) -> None:
    emitted(simulator, account, 1, created=time.time() - 31 * 86400)

    assert client(simulator.platform_keys["test"], context=account).v2.core.events.list().data == []


@pytest.mark.parametrize(
    "asked", [{"types": [f"t{n}" for n in range(21)]}, {"created": {"gte": "yesterday"}}, {"limit": 101}]
)
def test_list_refuses_what_stripe_refuses(
    asked: Json, simulator: SimulatorProcess, client: Client, account: str
) -> None:
    client_of_app = client(simulator.platform_keys["test"], context=account)

    with pytest.raises(stripe.InvalidRequestError):
        client_of_app.raw_request("get", "/v2/core/events", **asked)
