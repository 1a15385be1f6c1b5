"""Keys that the app makes and renews, while workers die at every step and answers of Stripe's are lost."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.stage import SIMULATOR, stack_in_a_folder_of_its_own
from tests.drills.dying_steps import ENDING_STEPS, OVERLAP_STEPS, STEPS, TAKEOVER_STEPS, TOO_EARLY
from tests.drills.managed_ground import Count, Mint
from tests.drills.renewed import Overlapping, Renewing
from tests.drills.tally import tally
from tests.waiting import eventually

PATH = "/v2/iam/api_keys"
ENVIRONMENT = {
    "LOG_LEVEL": "INFO",
    "MANAGED_KEYS": "live,test",
    "OPS_ALERT_ADDRESSES": "ops@example.com",
    "STRIPE_RATE_LIVE": "1000000",
    "STRIPE_TIMEOUT_SECONDS": "2",
}
# By setting alone; long enough for all who die on the way to a new key.
ROTATING = {"MANAGED_KEY_ROTATION": "rotate", "MANAGED_KEY_OVERLAP_MINUTES": "2"}


@pytest.fixture(scope="module")
def mint() -> Iterator[Mint]:
    """The site as processes."""
    with stack_in_a_folder_of_its_own(durable=True, **ENVIRONMENT) as stack:
        running = Mint(stack)
        try:
            yield running
        finally:
            running.crew.close()


@pytest.fixture(autouse=True)
def in_order(mint: Mint) -> Iterator[None]:
    """Each drill ends with a Stripe that works and without workers."""
    yield
    mint.stripe.clear_faults()
    mint.stripe.switch(expire_lag_seconds=SIMULATOR["expire_lag_seconds"])
    mint.crew.dismiss()


def expect_each_made_once(counted: Count, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what was counted, and fail unless keys at Stripe are the keys here, each made once."""
    with capsys.disabled():
        print(f"\n{counted}", end="", flush=True)  # noqa: T201 - what a drill is for
    tally.add(lost=len(counted.lost), applied_twice=len(counted.twice))
    assert counted.lost == []
    assert counted.twice == []


def drill_worker_killed_at_every_step(mint: Mint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mint.stripe.add_fault("slow", path=PATH, method="POST", seconds=1.0, times=None)
    accounts = mint.merchants(2 * len(STEPS))
    for _ in range(2):
        mint.crew.worker("tests.drills.dying_worker", "-c", "1", keep=True, DRILL_DEATHS=str(tmp_path))

    mint.wait_until_settled()
    deaths = [death.name.split("-")[1] for death in tmp_path.iterdir()]

    expect_each_made_once(mint.count("workers killed at each step", accounts, len(deaths)), capsys)
    assert sorted(deaths) == sorted(2 * STEPS)


def drill_answers_lost_and_workers_killed(mint: Mint, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("reset", "error", "truncated", "invalid_json", "html", "hang", "slow", "conflict"):
        mint.stripe.add_fault(kind, path=PATH, method="POST", moment="after", times=4, seconds=1.5)
    accounts = mint.merchants(30)
    hands = [mint.crew.worker(keep=True) for _ in range(2)]
    deaths = 0
    for hand in hands * 3:
        if eventually(lambda at_work=hand: mint.is_at_work(at_work) or mint.is_done(), timeout=60):  # type: ignore[misc]
            hand.signal(signal.SIGKILL)
            deaths += 1

    expect_each_made_once(mint.count("answers lost, workers killed", accounts, deaths), capsys)


def drill_renewals_and_endings(mint: Mint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renewing = Renewing(mint, mint.merchants(2 * len(STEPS)))
    rotated, created = renewing.accounts[: len(STEPS)], renewing.accounts[len(STEPS) :]
    for kind in ("reset", "error", "hang"):
        mint.stripe.add_fault(kind, path=f"{PATH}/.+/expire", method="POST", moment="after", times=1)
    mint.stripe.add_fault("slow", path=PATH, method="POST", seconds=1.0, times=None)
    mint.stripe.switch(expire_lag_seconds=10)
    renewing.plan_rotations(rotated)
    renewing.let_fall_due(created)
    for _ in range(2):
        mint.crew.worker("tests.drills.dying_retirements", "-c", "1", keep=True, DRILL_DEATHS=str(tmp_path))

    renewing.wait_until_renewed()
    renewing.end_overlaps(rotated)
    renewing.wait_until_ended()
    deaths = {death.name.partition("-")[2] for death in tmp_path.iterdir()}

    expect_each_made_once(
        renewing.count("renewed and ended, workers killed", len(list(tmp_path.iterdir()))), capsys
    )
    endings = {f"create-{step}" for step in ENDING_STEPS} | {f"rotate-{step}" for step in OVERLAP_STEPS}
    assert deaths == {*STEPS, *endings}


def drill_overlaps_that_run_out(mint: Mint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renewing = Overlapping(mint, mint.merchants(2 * len(STEPS)))
    mint.stripe.add_fault("slow", path=PATH, method="POST", seconds=1.0, times=None)
    renewing.let_fall_due(renewing.accounts)
    told = {"DRILL_DEATHS": str(tmp_path), **ROTATING}
    for _ in range(2):
        mint.crew.worker("tests.drills.dying_overlaps", "-c", "1", keep=True, **told)

    renewing.wait_until_renewed()
    renewing.wait_until_ended()
    deaths = {death.name.partition("-")[2] for death in tmp_path.iterdir()}

    expect_each_made_once(
        renewing.count("overlaps run out, workers killed", len(list(tmp_path.iterdir()))), capsys
    )
    assert renewing.is_rotated_by_stripe()
    assert deaths == {*STEPS, *TAKEOVER_STEPS, *(f"rotate-{step}" for step in (TOO_EARLY, *OVERLAP_STEPS))}
