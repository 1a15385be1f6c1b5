"""Keys that the approved app makes, changes, replaces and ends, as it sees them and as they work."""

import time

import pytest

from tests.simulator import SimulatorProcess
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import App, an_app, opened, public_key


@pytest.fixture
def app(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=False)


@pytest.fixture
def live(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=True)


# Making


def test_live_secret_is_told_once_and_encrypted(live: App) -> None:
    made = live.create(name="Ours", note="Made by the app")

    secret = opened(made["secret_key"]["encrypted_secret"])
    assert secret.startswith("rk_" + "live_")
    assert live.works(secret)
    assert made["secret_key"]["encrypted_secret"]["recipient_key_id"] == "our-own-label"
    assert made["secret_key"]["encrypted_secret"]["format"] == "jwe_compact"
    assert made["managed_by"] == {"type": "application", "application": {"id": "app_1SimulatedPartnerApp"}}
    [listed] = live.ask("get")["data"]
    assert listed["secret_key"] == {"secret_token_redacted": made["secret_key"]["secret_token_redacted"]}
    assert secret not in str(made)


def test_test_mode_shows_every_secret_wherever_it_shows_a_key(app: App) -> None:
    made = app.create()
    of_the_merchant = app.simulator.admin.create_key(app.account)

    assert app.works(made["secret_key"]["token"])
    tokens = {key["id"]: key["secret_key"]["token"] for key in app.ask("get")["data"]}
    assert tokens == {
        made["id"]: made["secret_key"]["token"],
        of_the_merchant["id"]: of_the_merchant["token"],
    }


def test_test_mode_encrypts_if_it_is_told_to(app: App) -> None:
    app.simulator.admin.switch(encrypts_in_test_mode=True)

    made = app.create(public_key=public_key())

    assert "token" not in made["secret_key"]
    assert app.works(opened(made["secret_key"]["encrypted_secret"]))


def test_key_can_do_what_was_asked_for(app: App) -> None:
    made = app.create(permissions=["customer_read"], connect_permissions=["api_key_write"])

    assert (made["permissions"], made["connect_permissions"]) == (["customer_read"], ["api_key_write"])
    assert made["object"] == "v2.iam.api_key"
    app.client(made["secret_key"]["token"]).v1.customers.list()


def test_without_permissions_a_key_may_do_everything(app: App) -> None:
    made = app.create(permissions=[])

    assert made["secret_key"]["token"].startswith("sk_" + "test_")


def test_publishable_key_is_told_in_both_modes(app: App, live: App) -> None:
    for caller, prefix in ((app, "pk_test_"), (live, "pk_live_")):
        made = caller.ask("post", type="publishable_key", name="For browsers")

        assert made["publishable_key"]["token"].startswith(prefix)
        assert "secret_key" not in made


def test_key_ends_on_its_date(app: App) -> None:
    made = app.create(expires_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)))

    app.simulator.admin.advance(3601)

    assert not app.works(made["secret_key"]["token"])


def test_key_is_managed_by_the_app_that_is_installed(app: App) -> None:
    account = app.simulator.admin.create_account()
    install = app.simulator.admin.post("/installs", account=account, app="app_1SimulatedSecondApp")
    of_second = App(app.simulator, app.client, account, livemode=False)

    made = of_second.create()

    assert made["managed_by"]["application"]["id"] == "app_1SimulatedSecondApp"
    app.simulator.admin.uninstall(install["id"])
    assert not app.works(made["secret_key"]["token"])


# Changing


def test_update_changes_what_is_given_and_ignores_an_empty_list(app: App) -> None:
    made = app.create(connect_permissions=["api_key_write"])

    changed = app.ask("post", f"/{made['id']}", name="Another", permissions=["customer_read"])
    ignored = app.ask("post", f"/{made['id']}", note="Kept", permissions=[])

    assert (changed["name"], changed["permissions"]) == ("Another", ["customer_read"])
    assert (ignored["name"], ignored["note"]) == ("Another", "Kept")
    assert (ignored["permissions"], ignored["connect_permissions"]) == (["customer_read"], ["api_key_write"])
    app.client(made["secret_key"]["token"]).v1.customers.list()


# Replacing


def test_rotation_ends_the_old_key_at_once(live: App) -> None:
    made = live.create(connect_permissions=["api_key_write"])

    successor = live.ask("post", f"/{made['id']}/rotate", public_key=public_key())

    assert successor["id"] != made["id"]
    assert not live.works(opened(made["secret_key"]["encrypted_secret"]))
    assert live.works(opened(successor["secret_key"]["encrypted_secret"]))
    assert successor["managed_by"] == made["managed_by"]
    assert successor["connect_permissions"] == made["connect_permissions"]
    assert live.refusal("post", f"/{made['id']}/rotate", public_key=public_key())[0] == 404


def test_rotation_leaves_the_old_key_the_minutes_asked_for(app: App) -> None:
    made = app.create()

    app.ask("post", f"/{made['id']}/rotate", expire_current_key_in_minutes=10_080)

    app.simulator.admin.advance(10_079 * 60)
    assert app.works(made["secret_key"]["token"])
    app.simulator.admin.advance(61)
    assert not app.works(made["secret_key"]["token"])


def test_overlap_lengthens_no_life(app: App) -> None:
    ends = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    made = app.create(expires_at=ends)

    app.ask("post", f"/{made['id']}/rotate", expire_current_key_in_minutes=10_080)

    assert app.ask("get", f"/{made['id']}")["expires_at"] == ends


# Ending


def test_expired_key_works_on_for_the_lag_and_is_gone_from_the_endpoint(app: App) -> None:
    made = app.create()
    app.simulator.admin.switch(expire_lag_seconds=3600)

    ended = app.ask("post", f"/{made['id']}/expire")

    assert ended["status"] == "expired"
    assert app.works(made["secret_key"]["token"])
    assert [
        app.refusal(*call)[0] for call in (("post", f"/{made['id']}/expire"), ("get", f"/{made['id']}"))
    ] == [
        404,
        404,
    ]
    assert app.ask("get")["data"] == []
    assert [key["status"] for key in app.ask("get", include_expired="true")["data"]] == ["expired"]
    app.simulator.admin.advance(3600)
    assert not app.works(made["secret_key"]["token"])


def test_expired_key_may_still_be_shown(app: App) -> None:
    made = app.create()
    app.ask("post", f"/{made['id']}/expire")

    app.simulator.admin.switch(retrieve_expired_is_404=False)

    assert app.ask("get", f"/{made['id']}")["status"] == "expired"
    assert app.refusal("post", f"/{made['id']}/expire")[0] == 404


@pytest.mark.parametrize("expired", [True, False])
def test_uninstall_ends_the_apps_keys_or_leaves_them_to_the_merchant(app: App, expired: bool) -> None:
    made = app.create()
    [install] = app.simulator.admin.installs()

    app.simulator.admin.uninstall(install["id"], expire_keys=expired)

    assert app.works(made["secret_key"]["token"]) is not expired
    assert app.refusal("get")[0] == 403
