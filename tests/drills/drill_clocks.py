"""Clocks ten minutes wrong: leases follow the database's clock, and only the node that is wrong refuses deliveries."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local_stack.folders import LOCAL
from tests.drills.conftest import Judge
from tests.drills.inbox_ground import Inbox
from tests.drills.sender import Sender

FOLDER = LOCAL / "faketime"
_INSTALLED = "usr/lib/*/faketime/libfaketimeMT.so.1"


def faketime() -> Path:
    """Where libfaketime is: installed, or out of Debian's package; without either the drill is left out."""
    for root in (Path("/"), FOLDER):
        for library in root.glob(_INSTALLED):
            return library
    if shutil.which("apt-get") and shutil.which("dpkg"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(
            ["apt-get", "download", "libfaketime"], cwd=FOLDER, capture_output=True, timeout=60, check=False
        )
        for package in FOLDER.glob("libfaketime*.deb"):
            subprocess.run(["dpkg", "-x", package, FOLDER], check=True, timeout=60)
        if got.returncode == 0:
            return next(FOLDER.glob(_INSTALLED))
    pytest.skip(
        "F19, clocks that are wrong: there is no libfaketime, and no Debian package of it, on this machine."
    )


def wrong_by(seconds: int) -> dict[str, str]:
    """The environment of a process whose wall clock is wrong."""
    honest = (
        "DONT_FAKE_MONOTONIC",
        "FAKETIME_DONT_FAKE_MONOTONIC",
        "NO_FAKE_STAT",
    )  # only the wall clock is wrong
    return {"LD_PRELOAD": str(faketime()), "FAKETIME": f"{seconds:+d}s", **dict.fromkeys(honest, "1")}


def drill_clocks_ten_minutes_wrong(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    inbox.stack.stop_process("worker")
    for seconds in (600, -600):
        inbox.crew.worker(**wrong_by(seconds))  # type: ignore[arg-type]

    sending = inbox.sender.send(inbox.publish(inbox.mixed(merchants, 300)), per_second=30)
    found = inbox.count("two workers, ten minutes fast and slow (F19)", sending, merchants=merchants)
    judge(found)
    longest = max(row.waited for row in found.rows.values())
    judge.say(f"drill: longest wait of an event {longest:.1f} s, by the database's clock")
    assert longest <= 10
    assert {row.ends for row in found.rows.values()} == {1}

    inbox.crew.dismiss()
    inbox.stack.start_process("worker")
    for seconds in (600, -600):
        _, address = inbox.crew.web("tests.drills.wrong_clock_web", DRILL_CLOCK_WRONG_BY=str(seconds))
        wrong = Sender(f"{address}/webhooks/stripe/")
        letters = inbox.publish(inbox.ordinary(merchants, 5))
        refused = wrong.send(letters, tries=1)
        refused.wait(20)
        wrong.close()
        found = inbox.count(
            f"a web server whose clock is wrong by {seconds} s (F19)", inbox.sender.send(letters)
        )
        judge(found)
        assert refused.statuses == {400}, {attempt.trouble for attempt in refused.attempts}
        assert found.sending.statuses == {200}
