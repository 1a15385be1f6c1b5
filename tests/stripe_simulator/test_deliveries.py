"""Events on their way: what the SDK makes of them, retries, and every trouble a post can have."""

import json

import pytest
import stripe

from tests.postbox import Postbox
from tests.simulator import SimulatorProcess, secret_like, until
from tests.stripe_simulator.conftest import SNAPSHOT_SECRET, THIN_SECRET, Client

PREVIEW = "2026-04-22.preview"


# The stock SDK


def test_sdk_takes_every_thin_notification(
    simulator: SimulatorProcess, client: Client, thin: Postbox, account: str
) -> None:
    sdk = client(simulator.platform_keys["test"], version=PREVIEW)
    key = simulator.admin.create_key(account)
    simulator.admin.change_key(key["id"], name="Another name")
    simulator.admin.change_key(key["id"], permissions=["charge_read"])
    simulator.admin.reveal_key(key["id"])
    successor = simulator.admin.rotate_key(key["id"])
    simulator.admin.expire_key(successor["id"])

    told = {}
    for letter in thin.wait_for(6):
        notification = sdk.parse_event_notification(letter.body, letter.signature, THIN_SECRET)
        assert notification.context is not None
        assert str(notification.context) == account
        assert notification.livemode is False
        data: stripe.StripeObject = getattr(notification.fetch_event(), "data")  # noqa: B009 - not every type has it
        told[notification.type] = data.to_dict()

    assert told == {
        "v2.iam.api_key.created": {"api_key": key["id"]},
        "v2.iam.api_key.updated": {"api_key": key["id"]},
        "v2.iam.api_key.permissions_updated": {"api_key": key["id"]},
        "v2.iam.api_key.default_secret_revealed": {"api_key": key["id"]},
        "v2.iam.api_key.rotated": {"api_key": key["id"], "new_api_key": successor["id"]},
        "v2.iam.api_key.expired": {"api_key": successor["id"]},
    }


def test_sdk_takes_snapshots_of_install_and_uninstall(
    simulator: SimulatorProcess, snapshots: Postbox
) -> None:
    account = simulator.admin.create_account("Ada's shop")
    install = simulator.admin.create_install(account)
    simulator.admin.uninstall(install["id"])

    events = {}
    for letter in snapshots.wait_for(4):
        event = stripe.Webhook.construct_event(letter.body, letter.signature, SNAPSHOT_SECRET)
        assert event.account == account
        assert event["context"] == simulator.platform_account
        events[event.type] = event.data.object

    assert set(events) == {
        "account.application.authorized",
        "account.application.deauthorized",
        "apps.install.created",
        "apps.install.deleted",
    }
    assert events["account.application.authorized"]["id"].startswith("ca_")
    assert events["apps.install.created"]["id"] == install["id"]


def test_ping_has_no_context(simulator: SimulatorProcess, thin: Postbox) -> None:
    simulator.admin.ping("ed_thin")

    body = json.loads(thin.wait_for(1)[0].body)
    assert body["type"] == "v2.core.event_destination.ping"
    assert "context" not in body
    assert body["related_object"]["id"] == "ed_thin"


@pytest.mark.parametrize("included", [False, True])
def test_related_object_is_a_switch(
    included: bool, simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    simulator.admin.switch(related_object=included)

    key = simulator.admin.create_key(account)

    body = json.loads(thin.wait_for(1)[0].body)
    assert "data" not in body
    assert body.get("related_object", {}).get("id") == (key["id"] if included else None)


@pytest.mark.parametrize("is_path", [False, True], ids=["account", "path"])
def test_context_may_be_a_path(
    is_path: bool, simulator: SimulatorProcess, client: Client, thin: Postbox, account: str
) -> None:
    simulator.admin.switch(context_is_path=is_path)

    simulator.admin.create_key(account)

    letter = thin.wait_for(1)[0]
    sdk = client(simulator.platform_keys["test"], version=PREVIEW)
    notification = sdk.parse_event_notification(letter.body, letter.signature, THIN_SECRET)
    assert str(notification.context) == (f"{simulator.platform_account}/{account}" if is_path else account)
    assert notification.fetch_event().id == notification.id


# Who hears what


def test_without_fan_out_the_app_hears_nothing(
    simulator: SimulatorProcess, client: Client, thin: Postbox, account: str
) -> None:
    simulator.admin.switch(connect_fanout=False)

    simulator.admin.create_key(account)

    assert simulator.admin.events(account=account, kind="v2.iam") == []
    assert simulator.admin.deliveries(endpoint="ed_thin") == []
    with pytest.raises(stripe.PermissionError):
        client(simulator.platform_keys["test"], context=account).raw_request("get", "/v2/core/events")


def test_account_without_the_app_is_silent(simulator: SimulatorProcess, thin: Postbox) -> None:
    simulator.admin.create_key(simulator.admin.create_account())

    assert simulator.admin.deliveries(endpoint="ed_thin") == []


def test_live_events_stay_away_from_test_endpoints(
    simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    simulator.admin.put_endpoint("ed_thin", thin.url, mode="test", secrets=[THIN_SECRET])
    simulator.admin.create_install(account, livemode=True)

    simulator.admin.create_key(account, livemode=True)
    simulator.admin.create_key(account)

    thin.wait_for(1)
    assert [json.loads(letter.body)["livemode"] for letter in thin.letters] == [False]


@pytest.mark.parametrize("also_live", [True, False], ids=["both", "test only"])
def test_test_events_go_to_the_live_endpoint_too(
    also_live: bool, simulator: SimulatorProcess, snapshots: Postbox
) -> None:
    simulator.admin.switch(test_events_to_live_endpoint=also_live)
    account = simulator.admin.create_account()

    simulator.admin.create_install(account, livemode=False)
    simulator.admin.create_install(account, livemode=True)

    modes = {json.loads(letter.body)["livemode"] for letter in snapshots.wait_for(4 if also_live else 2)}
    assert modes == ({True, False} if also_live else {True})


# Signatures


def test_only_test_events_carry_v0(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    simulator.admin.create_install(account, livemode=True)

    simulator.admin.emit("v2.custom.one", account=account, livemode=True)
    simulator.admin.emit("v2.custom.two", account=account, livemode=False)

    with_v0 = {json.loads(letter.body)["livemode"]: ",v0=" in letter.signature for letter in thin.wait_for(2)}
    assert with_v0 == {True: False, False: True}


def test_two_secrets_make_two_signatures(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    older = secret_like("whsec_")
    simulator.admin.put_endpoint("ed_thin", thin.url, secrets=[THIN_SECRET, older])

    simulator.admin.create_key(account)

    letter = thin.wait_for(1)[0]
    assert letter.signature.count("v1=") == 2
    assert letter.verifies(THIN_SECRET)
    assert letter.verifies(older)


def test_each_attempt_is_signed_anew(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    simulator.admin.switch(webhook_retry_seconds=[1.2])
    thin.answers = [500]

    simulator.admin.create_key(account)

    first, second = thin.wait_for(2)
    assert first.body == second.body
    assert first.signature != second.signature
    assert second.verifies(THIN_SECRET)


# Retries


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_any_answer_but_2xx_is_tried_again(
    status: int, simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    thin.answers = [status, status]

    simulator.admin.create_key(account)

    until(lambda: simulator.admin.deliveries(endpoint="ed_thin", state="delivered"))
    [delivery] = simulator.admin.deliveries(endpoint="ed_thin")
    assert [attempt["status"] for attempt in delivery["attempts"]] == [status, status, 200]
    assert {letter.path for letter in thin.letters} == {"/hooks/"}


def test_delivery_gives_up_at_the_end_of_the_ladder(
    simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    thin.answers = [500] * 10

    simulator.admin.create_key(account)

    [delivery] = until(lambda: simulator.admin.deliveries(endpoint="ed_thin", state="failed"))
    assert len(delivery["attempts"]) == 4


def test_disabled_endpoint_ends_the_retries(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    simulator.admin.switch(webhook_retry_seconds=[0.5] * 20)
    thin.answers = [500] * 20
    simulator.admin.create_key(account)
    thin.wait_for(1)

    simulator.admin.put_endpoint("ed_thin", thin.url, secrets=[THIN_SECRET], disabled=True)

    until(lambda: simulator.admin.deliveries(endpoint="ed_thin", state="stopped"))


def test_failed_delivery_can_be_sent_again(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    simulator.admin.switch(webhook_retry_seconds=[])
    thin.answers = [500]
    simulator.admin.create_key(account)
    [delivery] = until(lambda: simulator.admin.deliveries(endpoint="ed_thin", state="failed"))

    simulator.admin.resend(delivery["id"])

    until(lambda: simulator.admin.deliveries(endpoint="ed_thin", state="delivered"))
