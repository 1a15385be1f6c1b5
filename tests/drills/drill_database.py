"""PostgreSQL crashing, slow, locked, or short of connections: nothing acknowledged is lost, nobody waits for ever."""

import signal
import threading
import time
from urllib.request import urlopen

import psutil
import psycopg

from tests.drills.conftest import Judge
from tests.drills.inbox_ground import Inbox
from tests.drills.proxy import Proxy
from tests.drills.sender import Sender

HANGS_NEVER = 3.0
LOCKED_SECONDS = 5.0
FROZEN_SECONDS = 12.0
# Whoever found all threads waiting for an answer, and then waited for one.
GIVES_UP_TWICE = 5.5


def drill_postgresql_crashes_under_load(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    sending = inbox.sender.send(inbox.publish(inbox.mixed(merchants, 600)), per_second=40)

    for how in (signal.SIGKILL, signal.SIGQUIT, signal.SIGKILL):
        time.sleep(3)
        inbox.crash("postgres", how)
    found = inbox.count("PostgreSQL crashed three times under load (F10)", sending, merchants=merchants)

    judge(found)
    longest = max(row.waited for row in found.rows.values())
    judge.say(f"drill: longest wait of an event for its end, with three crashes {longest:.1f} s")
    assert sending.statuses <= {200, 503}
    assert all(attempt.retry_after for attempt in sending.answers if attempt.status == 503)
    assert found.slowest <= HANGS_NEVER


def drill_pool_exhausted(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    letters = inbox.publish(inbox.ordinary(merchants, 400))
    with Proxy(inbox.stack.servers.database_url) as network:
        _, address = inbox.crew.web(
            DATABASE_URL=network.url, DATABASE_POOL_MAX="2", WEB_WORKERS="1", WEB_THREADS="40"
        )
        network.delay = 0.05
        sender = Sender(f"{address}/webhooks/stripe/", at_once=60)
        sending = sender.send(letters)
        time.sleep(12)
        network.delay = 0.0
        found = inbox.count("40 threads, 2 slow connections (F11)", sending)
        sender.close()
        inbox.crew.dismiss()

    judge(found)
    full = [attempt for attempt in sending.answers if attempt.status == 503]
    judge.say(f"drill: {len(full)} answers were 503, each with Retry-After")
    assert full
    assert all(attempt.retry_after for attempt in full)
    assert sending.statuses == {200, 503}
    assert found.slowest <= HANGS_NEVER


def drill_slow_database(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    with Proxy(inbox.stack.servers.database_url) as network:
        _, address = inbox.crew.web(DATABASE_URL=network.url)
        network.delay = 0.1
        sender = Sender(f"{address}/webhooks/stripe/")
        sending = sender.send(inbox.publish(inbox.ordinary(merchants, 150)), per_second=10)
        found = inbox.count("the database 200 ms away, there and back (F12)", sending)
        sender.close()
        inbox.crew.dismiss()

    judge(found)
    assert found.p99 <= 2.0


def drill_locked_table(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    sending = inbox.sender.send(inbox.publish(inbox.ordinary(merchants, 200)), per_second=15)
    time.sleep(2)

    locker = threading.Thread(target=_lock, args=[inbox.stack.servers.database_url])
    locker.start()
    locker.join()
    found = inbox.count(f"the table of events locked for {LOCKED_SECONDS:.0f} s (F12)", sending)

    judge(found)
    assert sending.statuses <= {200, 503}
    assert found.slowest <= HANGS_NEVER


def drill_postgresql_frozen(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    sending = inbox.sender.send(inbox.publish(inbox.ordinary(merchants, 300)), per_second=15)
    time.sleep(2)

    server = psutil.Process(inbox.stack.pid("postgres"))
    everybody = [server, *server.children(recursive=True)]
    for each in everybody:
        each.suspend()
    time.sleep(FROZEN_SECONDS)
    began = time.monotonic()
    with urlopen(f"{inbox.stack.site_url}/healthz", timeout=HANGS_NEVER) as answer:  # noqa: S310 # our own
        assert answer.status == 200
    alive_after = time.monotonic() - began
    for each in everybody:
        each.resume()
    found = inbox.count(f"PostgreSQL frozen for {FROZEN_SECONDS:.0f} s", sending)

    judge(found)
    judge.say(f"drill: /healthz answered in {alive_after:.2f} s")
    assert sending.statuses <= {200, 503}
    assert found.slowest <= GIVES_UP_TWICE


def _lock(database_url: str) -> None:
    """What a careless migration does."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE webhooks_eventnotification IN ACCESS EXCLUSIVE MODE")
        time.sleep(LOCKED_SECONDS)
