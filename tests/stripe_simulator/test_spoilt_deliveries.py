"""Every trouble a post can have: late, forged, doubled, out of order, lost."""

import json
import time

import pytest

from tests.postbox import Letter, Postbox
from tests.simulator import AdminRefused, SimulatorProcess
from tests.stripe_simulator.conftest import THIN_SECRET, Client


def types(letters: list[Letter]) -> list[str]:
    return [json.loads(letter.body)["type"] for letter in letters]


def one_letter(simulator: SimulatorProcess, box: Postbox, account: str, **treatment: object) -> Letter:
    simulator.admin.emit("v2.custom.event", account=account, treatment=treatment)
    return box.wait_for(1)[0]


def test_stale_delivery_fails_by_its_age_alone(
    simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    letter = one_letter(simulator, thin, account, age=400)

    assert not letter.verifies(THIN_SECRET)
    assert letter.verifies(THIN_SECRET, tolerance=None)


def test_future_delivery_is_truly_signed(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    letter = one_letter(simulator, thin, account, age=-400)

    assert int(letter.signature.partition(",")[0].removeprefix("t=")) > time.time() + 300
    assert letter.verifies(THIN_SECRET)


@pytest.mark.parametrize("trouble", ["wrong_secret", "alter", "unsigned"])
def test_forged_delivery_does_not_verify(
    trouble: str, simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    letter = one_letter(simulator, thin, account, **{trouble: True})

    assert not letter.verifies(THIN_SECRET)


def test_duplicates_have_one_id(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    simulator.admin.emit("v2.custom.event", account=account, treatment={"duplicate": 2})

    assert len({json.loads(letter.body)["id"] for letter in thin.wait_for(3)}) == 1


def test_other_mode_is_turned_round(simulator: SimulatorProcess, thin: Postbox, account: str) -> None:
    letter = one_letter(simulator, thin, account, other_mode=True)

    assert json.loads(letter.body)["livemode"] is True
    assert letter.verifies(THIN_SECRET)


def test_held_deliveries_come_in_the_order_asked_for(
    simulator: SimulatorProcess, thin: Postbox, account: str
) -> None:
    simulator.admin.add_treatment(hold=True, times=None)
    for number in range(4):
        simulator.admin.emit(f"v2.custom.number{number}", account=account)
    simulator.admin.ask("DELETE", "/treatments")

    released = simulator.admin.release("newest")

    assert released == 4
    assert types(thin.wait_for(4)) == [f"v2.custom.number{number}" for number in (3, 2, 1, 0)]


def test_lost_event_can_still_be_listed(
    simulator: SimulatorProcess, client: Client, thin: Postbox, account: str
) -> None:
    simulator.admin.add_treatment(drop=True)

    key = simulator.admin.create_key(account)

    [delivery] = simulator.admin.deliveries(endpoint="ed_thin")
    assert delivery["state"] == "dropped"
    listed = client(simulator.platform_keys["test"], context=account).v2.core.events.list()
    assert listed.data[0]["data"]["api_key"] == key["id"]


def test_any_text_can_be_delivered(simulator: SimulatorProcess, thin: Postbox) -> None:
    simulator.admin.deliver_raw("ed_thin", "[1, 2")

    letter = thin.wait_for(1)[0]
    assert letter.body == b"[1, 2"
    assert letter.verifies(THIN_SECRET)


def test_treatment_of_an_unknown_name_is_refused(simulator: SimulatorProcess) -> None:
    with pytest.raises(AdminRefused, match="no delivery treatment named sideways"):
        simulator.admin.add_treatment(sideways=True)
