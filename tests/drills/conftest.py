"""The stage of the drills, and the one line they end with."""

from collections.abc import Iterator

import pytest

from tests.browser.stage import stack_in_a_folder_of_its_own
from tests.drills.found import Found
from tests.drills.inbox_ground import Inbox
from tests.drills.tally import tally

ENVIRONMENT = {
    "LOG_LEVEL": "INFO",
    "KEY_CONFIRM_DEAD_AFTER_SECONDS": "2",
    "KEY_SWEEP_REQUESTS_PER_SECOND": "2000",
    "OPS_ALERT_ADDRESSES": "ops@example.com",
    # What is drilled is the site, not its patience with Stripe's limits.
    "STRIPE_RATE_TEST": "1000000",
}


@pytest.fixture(scope="session")
def running_inbox() -> Iterator[Inbox]:
    """The site as processes, for all drills of the inbox."""
    with stack_in_a_folder_of_its_own(durable=True, **ENVIRONMENT) as stack:
        inbox = Inbox(stack)
        inbox.audit.set_up()
        try:
            yield inbox
        finally:
            inbox.close()


@pytest.fixture
def inbox(running_inbox: Inbox) -> Iterator[Inbox]:
    """The site, all of it well at the beginning of each drill."""
    yield running_inbox
    running_inbox.repair()


class Judge:
    """Prints what was found, adds it to the tally, and fails the drill unless nothing was lost or applied twice."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def say(self, words: object) -> None:
        """Print a line, whatever pytest captures."""
        with self._capsys.disabled():
            print(f"\n{words}", end="", flush=True)  # noqa: T201 - what a drill is for

    def __call__(self, found: Found) -> None:
        self.say(found)
        tally.add(lost=len(found.lost) + len(found.unfinished), applied_twice=len(found.twice))
        assert found.lost == []
        assert found.refused == []
        assert found.unfinished == {}
        assert found.twice == []


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str]) -> Judge:
    """Whoever counts."""
    return Judge(capsys)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that share the inbox's stage come last, one after the other, so that no second stage stands idle beside."""
    items.sort(key=lambda item: "running_inbox" in getattr(item, "fixturenames", []))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note each drill, and each that failed at its beginning, in its middle or at its end."""
    if "tests/drills/" in report.nodeid and not report.skipped:
        tally.scenarios.add(report.nodeid)
        if report.failed:
            tally.failed.add(report.nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all."""
    if tally.scenarios:
        print(tally)  # noqa: T201
