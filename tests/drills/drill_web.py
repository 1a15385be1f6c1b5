"""The door itself: killed between a commit and its answer, and restarted over and over while events arrive."""

import signal
import time

from tests.drills.conftest import Judge
from tests.drills.found import Span
from tests.drills.inbox_ground import Inbox
from tests.waiting import eventually

RESTARTS = 10
RESTARTED_WITHIN = 30.0


def drill_web_killed_between_commit_and_answer(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(16)
    letters = inbox.publish(inbox.ordinary(merchants, 16))
    ids = [letter.event_id for letter in letters]

    with inbox.frozen("redis"):  # whoever rings a bell after the commit waits a moment before the answer
        sending = inbox.sender.send(letters)
        eventually(lambda: len(inbox.audit.events(ids)) >= 4)
        kept = set(inbox.audit.events(ids))
        unanswered = kept - sending.acknowledged
        inbox.stack.kill("web", signal.SIGKILL)
    inbox.stack.wait_until_ready("web")
    found = inbox.count("web kill -9 between commit and answer (F9)", sending)

    judge(found)
    judge.say(f"drill: {len(unanswered)} events were kept before their sender heard of it, and sent again")
    assert unanswered
    assert {row.ends for row in found.rows.values()} == {1}


def drill_rolling_restarts(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(20)
    sending = inbox.sender.send(inbox.publish(inbox.mixed(merchants, 1000)), per_second=25)
    took: list[float] = []
    without_web: list[Span] = []

    for number in range(RESTARTS):
        name = "worker" if number % 2 else "web"
        began, at = time.monotonic(), time.time()
        inbox.stack.kill(name, signal.SIGTERM)
        inbox.stack.wait_until_ready(name)
        took.append(time.monotonic() - began)
        if name == "web":
            without_web.append(Span(at, time.time()))
    found = inbox.count(
        f"{RESTARTS} restarts by SIGTERM under load (F24)",
        sending,
        merchants=merchants,
        without_web=without_web,
    )

    judge(found)
    troubles = sorted({attempt.trouble for attempt in sending.attempts if attempt.trouble})
    judge.say(f"drill: restarts took {max(took):.1f} s at most; attempts without an answer: {troubles}")
    assert max(took) <= RESTARTED_WITHIN
    assert sending.statuses == {200}
