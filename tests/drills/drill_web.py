"""The door itself: killed between a commit and its answer, and restarted over and over while events arrive."""

import signal
import time

from tests.drills.conftest import Judge
from tests.drills.found import Span
from tests.drills.inbox_ground import Inbox
from tests.drills.proxy import Proxy
from tests.drills.sender import Sender
from tests.waiting import eventually

RESTARTS = 10
RESTARTED_WITHIN = 30.0


def drill_web_killed_between_commit_and_answer(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(16)
    letters = inbox.publish(inbox.ordinary(merchants, 16))
    ids = [letter.event_id for letter in letters]

    with Proxy(inbox.stack.servers.database_url) as network:
        web, address = inbox.crew.web(keep=True, DATABASE_URL=network.url)
        sender = Sender(f"{address}/webhooks/stripe/")
        sender.send(inbox.publish(inbox.ordinary(merchants, 16))).wait(30)
        network.delay = 1.0  # what the database says of a commit arrives a second later
        sending = sender.send(letters)
        eventually(lambda: len(inbox.audit.events(ids)) >= 8)
        unanswered = set(inbox.audit.events(ids)) - sending.acknowledged
        web.signal(signal.SIGKILL)
        network.delay = 0.0
        found = inbox.count("web kill -9 between commit and answer (F9)", sending)
        sender.close()
        inbox.crew.dismiss()

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
