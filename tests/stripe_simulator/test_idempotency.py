"""The same request twice makes one key, whoever asks again and however long it took."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.simulator import SimulatorProcess, until
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import PATH, VERSION, App, an_app, opened

DAY = 86_400


@pytest.fixture
def live(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=True)


def keys_there(app: App) -> int:
    return len(app.simulator.admin.keys(app.account))


def test_same_request_is_answered_again_and_does_nothing(live: App) -> None:
    caller = live.client(live.simulator.platform_keys["live"], version=VERSION, context=live.account)
    body = {"type": "publishable_key", "name": "Once"}

    first, second = (caller.raw_request("post", PATH, idempotency_key="once", **body) for _ in range(2))

    assert first.data == second.data
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert keys_there(live) == 1


@pytest.mark.parametrize("fault", ["reset", "truncated", "error", "html"])
def test_secret_whose_answer_was_lost_is_told_again(fault: str, live: App) -> None:
    live.simulator.admin.add_fault(fault, path=PATH, method="POST", moment="after")
    with pytest.raises((stripe.APIError, stripe.APIConnectionError)):
        live.create(idempotency_key="lost")

    made = live.create(idempotency_key="lost")

    assert live.works(opened(made["secret_key"]["encrypted_secret"]))
    assert keys_there(live) == 1


def test_another_body_is_refused(live: App) -> None:
    live.create(idempotency_key="used")

    status, said = live.refusal("post", type="publishable_key", idempotency_key="used")

    assert status == 400
    assert "same parameters" in said
    assert keys_there(live) == 1


def test_second_while_the_first_runs_is_refused(live: App) -> None:
    live.simulator.admin.add_fault("slow", path=PATH, method="POST", seconds=3600)
    body = {"type": "publishable_key", "idempotency_key": "twice"}
    with ThreadPoolExecutor() as pool:
        first = pool.submit(live.ask, "post", **body)
        until(lambda: live.simulator.admin.requests(path=PATH))
        with pytest.raises(stripe.StripeError) as refused:
            live.ask("post", **body)
        live.simulator.admin.clear_faults()

    assert refused.value.http_status == 409
    assert "idempotency_key_in_use" in str(refused.value.json_body)
    assert first.result()["status"] == "active"
    assert keys_there(live) == 1


def test_each_account_and_mode_has_keys_of_its_own(live: App) -> None:
    other = an_app(live.simulator, live.client, livemode=True)
    live.simulator.admin.create_install(live.account, livemode=False)
    in_test_mode = App(live.simulator, live.client, live.account, livemode=False)

    made = {
        app.ask("post", type="publishable_key", idempotency_key="shared")["id"]
        for app in (live, other, in_test_mode)
    }

    assert len(made) == 3


def test_refused_call_may_be_made_again_with_its_key(live: App) -> None:
    """What is refused for what may change, such as the approval, must not be refused for a month."""
    live.simulator.admin.switch(api_key_write_approved=False)
    assert live.refusal("post", type="publishable_key", idempotency_key="early")[0] == 403

    live.simulator.admin.switch(api_key_write_approved=True)

    assert live.ask("post", type="publishable_key", idempotency_key="early")["status"] == "active"


@pytest.mark.parametrize(("days", "keys"), [(29, 1), (31, 2)])
def test_answers_are_kept_for_thirty_days(days: int, keys: int, live: App) -> None:
    live.create(idempotency_key="kept")

    live.simulator.admin.advance(days * DAY)
    live.create(idempotency_key="kept")

    assert keys_there(live) == keys


def test_answers_of_the_first_api_are_kept_for_a_day(live: App) -> None:
    key = live.simulator.admin.create_key(live.account, livemode=True, kind="secret")
    customers = live.client(key["token"]).v1.customers
    ids = []
    for _ in range(2):
        ids += [customers.create(options={"idempotency_key": "kept"}).id for _ in range(2)]
        live.simulator.admin.advance(DAY + 1)

    assert ids[0] == ids[1]
    assert ids[2] == ids[3] != ids[0]
