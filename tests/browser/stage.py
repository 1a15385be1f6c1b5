"""The stage for tests with a browser: the whole site as real processes, and a real Chromium that looks at it.

A plugin (tests/conftest.py names it), because two folders share the one stack: it is started once, at the first test
that asks for it. The browser lives as long as modules whose tests use it follow each other: Playwright keeps an event
loop running meanwhile, and Django refuses database work beside one, so the tests of other modules must not meet it.
"""

import fcntl
import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page

from local_stack.browser import find_browser
from local_stack.folders import LOCAL, PROJECT
from local_stack.ports import free_ports
from local_stack.processes import Stack
from tests import quick_python
from tests.browser.visits import Chromium, Visits
from tests.simulator import SimulatorAdmin
from tests.stripe_keys.outgoing.receiver import Receiver, receiving

FAILURES = LOCAL / "failed-pages"
SITE_ENVIRONMENT = {
    "LOG_LEVEL": "DEBUG",  # what would leak, leaks here
    # Everybody comes from one address, and a minute of waiting is a minute of nothing seen.
    "PASTE_LIMIT_PER_ADDRESS_PER_HOUR": "1000",
    "PASTE_LIMIT_PER_HOUR": "100",
    "PASTE_LIMIT_PER_DAY": "100",
    "KEY_CONFIRM_DEAD_AFTER_SECONDS": "2",
    "KEY_EXPIRY_LAG_SECONDS": "1",
    "MANAGED_KEYS": "test",
}
SIMULATOR = {"expire_lag_seconds": 0.2, "api_key_write_approved": True, "webhook_retry_seconds": [0.3] * 20}
_BATCH = 8


@dataclass(frozen=True)
class Person:
    """Somebody who owns a merchant on the stack, signs in with `password`, and has done so in `session`."""

    email: str
    merchant: str
    password: str = field(repr=False)
    session: str = field(repr=False)


class Cast:
    """Opens merchants on the stack, a few at once because each command takes a second to begin."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._waiting: list[Person] = []

    def owner(self) -> Person:
        """Somebody new, with a merchant that has no key yet."""
        if not self._waiting:
            self._waiting = [
                Person(**who) for who in told_by(self._stack, "tests.browser.casting", str(_BATCH))
            ]
        return self._waiting.pop()


def told_by(stack: Stack, module: str, *arguments: str) -> Any:
    """Run a module of ours beside the stack's processes, with their environment; what it prints, read as JSON."""
    return json.loads(_run(stack, "-m", module, *arguments))


def add_staff(stack: Stack, email: str, *, password: str, totp_secret: str) -> None:
    """Let somebody new into the ops desk, by the command that ops would use."""
    told = ("--password-env", "THE_PASSWORD", "--totp-secret-env", "THE_SECRET")
    given = {"THE_PASSWORD": password, "THE_SECRET": totp_secret}
    _run(stack, "manage.py", "add_staff", "--email", email, *told, **given)


def _run(stack: Stack, *arguments: str, **environment: str) -> str:
    ended = subprocess.run(
        [str(quick_python.program()), *arguments],
        cwd=PROJECT,
        env={**stack.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{arguments} ended with {ended.returncode}:\n{ended.stderr}")
    return ended.stdout


@dataclass(frozen=True)
class Gallery:
    """What `tests.browser.seeding` has prepared: owners by first name, ids of keys by state."""

    people: dict[str, Person]
    keys: dict[str, str]

    @classmethod
    def on(cls, stack: Stack) -> "Gallery":
        """Have it prepared, once per stack."""
        told = told_by(stack, "tests.browser.seeding", stack.simulator_url)
        return cls({name: Person(**who) for name, who in told["people"].items()}, told["keys"])

    def page_of(self, state: str) -> str:
        """The address of the key in this state."""
        return f"/stripe/keys/{self.keys[state]}/"


@contextmanager
def stack_in_a_folder_of_its_own(*, durable: bool = False, **environment: str) -> Iterator[Stack]:
    """The whole site as processes on free ports; afterwards nothing is left of it. `environment` wins over the usual.

    `durable`: what was committed survives a crash of the servers.

    Not in pytest's temporary folder: whenever another pytest starts, that is closed to all but its owner again, and
    where we are root PostgreSQL, which runs as somebody else, then loses its files. A run that was killed leaves its
    folder behind; as it is named and locked like those of `local_stack.servers`, their next run removes it.
    """
    folder = LOCAL / "test" / f"run-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with Stack(
                folder / "stack",
                ports=free_ports(),
                environment={**SITE_ENVIRONMENT, **environment},
                simulator=SIMULATOR,
                durable=durable,
            ) as running:
                yield running
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def partner() -> Iterator[Receiver]:
    """One of the partner's own systems, which the stack tells of every change of a key."""
    with receiving() as listening:
        yield listening


@pytest.fixture(scope="session")
def stack(partner: Receiver) -> Iterator[Stack]:
    """The whole site as processes, shared by every test of the session."""
    with stack_in_a_folder_of_its_own(**partner.environment) as running:  # type: ignore[arg-type] # no `durable` in it
        yield running


@pytest.fixture
def at_stripes(stack: Stack) -> Iterator[SimulatorAdmin]:
    """The door behind Stripe's back; faults set through it are gone afterwards."""
    admin = SimulatorAdmin(stack.simulator_url)
    yield admin
    admin.clear_faults()


@pytest.fixture(scope="session")
def cast(stack: Stack) -> Cast:
    """Who plays in the journeys."""
    return Cast(stack)


@pytest.fixture(scope="session")
def gallery(stack: Stack) -> Gallery:
    """Merchants with a key in every state; to be looked at, not changed."""
    return Gallery.on(stack)


@pytest.fixture(scope="session")
def _browser_of_the_run() -> Iterator[Chromium]:
    path = find_browser()
    if path is None:
        pytest.fail("There is no Chromium or Chrome on this machine; `make browser` installs one.")
    browser = Chromium(path)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def chromium(_browser_of_the_run: Chromium, request: pytest.FixtureRequest) -> Iterator[Chromium]:
    """The browser itself."""
    yield _browser_of_the_run
    if not request.config.stash.get(_NEEDED_NEXT, False):
        _browser_of_the_run.close()


@pytest.fixture
def visit(chromium: Chromium, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """Opens pages. The test fails if any browser complained; a failed test leaves pictures of its pages."""
    visits, went_well = Visits(chromium, stack), False
    try:
        yield visits
        went_well = not (request.node.stash.get(_FAILED, True) or visits.complaints)
        if not went_well:
            name = re.sub(r"[^\w-]+", "-", request.node.name)
            taken = [str(path.relative_to(PROJECT)) for path in visits.picture(FAILURES, name)]
            sys.stderr.write(f"Pictures of the pages: {', '.join(taken)}\n")
        if visits.complaints:
            pytest.fail("The browser complained:\n" + "\n".join(visits.complaints), pytrace=False)
    finally:
        visits.close(went_well=went_well)


@pytest.fixture
def page(visit: Callable[[], Page]) -> Page:
    """One visitor's page."""
    return visit()


_FAILED = pytest.StashKey[bool]()
_NEEDED_NEXT = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Let the browser know whether the next test uses it, too."""
    item.config.stash[_NEEDED_NEXT] = "chromium" in getattr(nextitem, "fixturenames", ())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know how their test went."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report
