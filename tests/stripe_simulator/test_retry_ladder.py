"""Retries that last as long as Stripe's, on a clock that is put forward."""

import json

import pytest

from tests.postbox import Postbox
from tests.simulator import Json, SimulatorProcess, until
from tests.stripe_simulator.conftest import THIN_SECRET

DAY = 86_400.0


@pytest.fixture
def patient(simulator: SimulatorProcess, thin: Postbox) -> Postbox:
    """A postbox that refuses everything, while retries last as long as at Stripe."""
    simulator.admin.switch(webhook_retries_as_stripe=True)
    thin.answers = [500] * 50
    return thin


def undelivered(simulator: SimulatorProcess, attempts: int) -> Json:
    """The delivery, once it was tried so often."""

    def found() -> Json | None:
        [delivery] = simulator.admin.deliveries(endpoint="ed_thin")
        return delivery if len(delivery["attempts"]) >= attempts else None

    delivery: Json = until(found)
    return delivery


@pytest.mark.parametrize("livemode", [False, True], ids=["test", "live"])
def test_ladder_is_stripes(
    livemode: bool, simulator: SimulatorProcess, patient: Postbox, account: str
) -> None:
    """Live mode: up to three days, ever slower. Test mode: three times over a few hours."""
    retries, shortest, longest = (12, 60, 72) if livemode else (3, 3, 6)
    simulator.admin.emit("v2.custom.one", account=account, livemode=livemode)
    waits = []
    for done in range(1, retries + 1):
        delivery = undelivered(simulator, done)
        assert delivery["state"] == "pending"
        waits.append(delivery["next_at"] - delivery["attempts"][-1]["at"])
        simulator.admin.advance(waits[-1])

    assert undelivered(simulator, retries + 1)["state"] == "failed"
    assert waits == sorted(waits)
    assert shortest <= sum(waits) / 3600 <= longest
    assert all(letter.verifies(THIN_SECRET) for letter in patient.letters), "signed by the machine's time"


def test_disabling_ends_a_retry_that_is_days_away(
    simulator: SimulatorProcess, patient: Postbox, account: str
) -> None:
    simulator.admin.emit("v2.custom.one", account=account)
    undelivered(simulator, 1)

    simulator.admin.put_endpoint("ed_thin", patient.url, secrets=[THIN_SECRET], disabled=True)

    assert undelivered(simulator, 1)["state"] == "stopped"
    simulator.admin.put_endpoint("ed_thin", patient.url, secrets=[THIN_SECRET])
    simulator.admin.advance(3 * DAY)
    simulator.admin.emit("v2.custom.two", account=account)
    until(lambda: len(patient.letters) >= 2)
    assert [json.loads(letter.body)["type"] for letter in patient.letters] == [
        "v2.custom.one",
        "v2.custom.two",
    ]


def test_stopped_delivery_that_is_sent_again_is_retried_once_each_time(
    simulator: SimulatorProcess, patient: Postbox, account: str
) -> None:
    simulator.admin.emit("v2.custom.one", account=account)
    first = undelivered(simulator, 1)
    simulator.admin.put_endpoint("ed_thin", patient.url, secrets=[THIN_SECRET], disabled=True)
    simulator.admin.put_endpoint("ed_thin", patient.url, secrets=[THIN_SECRET])

    simulator.admin.resend(first["id"])
    undelivered(simulator, 2)
    simulator.admin.advance(DAY)

    delivery = undelivered(simulator, 3)
    assert len(delivery["attempts"]) == 3
    assert len(patient.letters) == 3


def test_reset_sets_the_clock_right(simulator: SimulatorProcess) -> None:
    before = simulator.admin.post("/clock")["now"]
    simulator.admin.advance(DAY)

    simulator.admin.reset()

    assert simulator.admin.post("/clock")["now"] == pytest.approx(before, abs=30)
