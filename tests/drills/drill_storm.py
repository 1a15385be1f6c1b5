"""The storm: 10,000 events while everything that takes part in their way is killed, again and again."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import shuffle

from local_stack.problems import StackError
from tests.drills.conftest import Judge
from tests.drills.crew import Hand
from tests.drills.found import Span
from tests.drills.inbox_ground import Inbox
from tests.drills.sender import Sending

EVENTS = int(os.environ.get("DRILL_EVENTS", "10000"))
TWICE_DELIVERED = EVENTS // 20
PER_SECOND = float(os.environ.get("DRILL_PER_SECOND", "150"))
MERCHANTS = 100
DRAINED_WITHIN = 180.0
ANSWERS_WITHIN = 0.25


@dataclass
class Storm:
    """What happens when, in seconds after the first delivery, and what became of it."""

    inbox: Inbox
    second_worker: Hand
    done: dict[str, int] = field(default_factory=dict)
    without_web: list[Span] = field(default_factory=list)
    without_database: list[Span] = field(default_factory=list)
    ended_at: float = 0.0

    def plan(self) -> list[tuple[float, Callable[[], None]]]:
        """Twenty workers killed in turn, Redis thrice, flushed and frozen; PostgreSQL twice; web five times."""
        workers = [
            (2 + 3.5 * number, self.kill_first if number % 2 else self.kill_second) for number in range(20)
        ]
        redis = [
            (8.0, self.kill_redis),
            (20.0, self.flush),
            (30.0, self.kill_redis),
            (36.0, self.freeze_redis),
        ]
        redis += [(46.0, self.thaw_redis), (52.0, self.kill_redis)]
        postgres = [(25.0, self.kill_postgres), (57.0, self.stop_postgres_at_once)]
        web = [(moment, self.kill_web) for moment in (5.0, 17.0, 33.0, 49.0, 63.0)]
        return sorted([*workers, *redis, *postgres, *web], key=lambda each: each[0])

    def rage(self) -> None:
        """Let it all happen."""
        began = time.monotonic()
        for moment, strike in self.plan():
            time.sleep(max(began + moment - time.monotonic(), 0))
            strike()
            self.ended_at = time.time()

    def _note(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def kill_first(self) -> None:
        """The stack's own worker, which supervisord starts again."""
        if self._stack_kill("worker"):
            self._note("worker")

    def kill_second(self) -> None:
        """The crew's worker, which the crew starts again."""
        self.second_worker.signal(signal.SIGKILL)
        self._note("worker")

    def kill_web(self) -> None:
        """gunicorn with all its workers."""
        self.without_web.append(self.inbox.kill_web())
        self._note("web")

    def kill_redis(self) -> None:
        """The broker, with all bells."""
        self.inbox.crash("redis")
        self._note("redis")

    def flush(self) -> None:
        """Every bell is gone, and what keeps bells from ringing twice."""
        self.inbox.flush()
        self._note("flush")

    def freeze_redis(self) -> None:
        """Whoever asks Redis now waits."""
        self.inbox.freeze(self.inbox.stack.pid("redis"))

    def thaw_redis(self) -> None:
        """The end of the freeze."""
        self.inbox.thaw(self.inbox.stack.pid("redis"))
        self._note("freeze")

    def kill_postgres(self) -> None:
        """The server with all its backends."""
        self._crash_postgres(signal.SIGKILL)

    def stop_postgres_at_once(self) -> None:
        """What `pg_ctl stop -m immediate` does."""
        self._crash_postgres(signal.SIGQUIT)

    def _crash_postgres(self, how: signal.Signals) -> None:
        began_at = time.time()
        self.inbox.crash("postgres", how)
        self.without_database.append(Span(began_at, time.time()))
        self._note("postgres")

    def _stack_kill(self, name: str) -> bool:
        for _ in range(50):  # it may be on its way back
            try:
                self.inbox.stack.kill(name, signal.SIGKILL)
            except StackError:
                time.sleep(0.1)
            else:
                return True
        return False


def in_the_storm(inbox: Inbox, storm: Storm, sending: Sending) -> float:
    """Let it rage; returns after how many seconds from its last blow nothing waited any more."""
    storm.rage()
    sending.wait(DRAINED_WITHIN)
    inbox.wait_until_done(DRAINED_WITHIN)
    ids = [letter.event_id for letter in sending.letters]
    return max(inbox.audit.last_end(ids) - storm.ended_at, 0.0)


def slow_answers(storm: Storm, sending: Sending) -> str:
    """What made answers slow, in words."""
    slow = [attempt for attempt in sending.answers if attempt.seconds > ANSWERS_WITHIN]
    waited = {
        "while the web began": storm.without_web,
        "while the database was away": storm.without_database,
    }
    causes = [
        f"{sum(any(span.meets(attempt) for span in spans) for attempt in slow)} {when}"
        for when, spans in waited.items()
    ]
    slowest = max(attempt.seconds for attempt in sending.answers)
    return (
        f"{len(slow)} answers took more than {ANSWERS_WITHIN} s, of which {', '.join(causes)};"
        f" the slowest {slowest:.1f} s"
    )


def drill_storm(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(MERCHANTS)
    letters = inbox.publish(inbox.mixed(merchants, EVENTS))
    letters += letters[:TWICE_DELIVERED]
    shuffle(letters)
    storm = Storm(inbox, inbox.crew.worker(keep=True))

    sending = inbox.sender.send(letters, per_second=PER_SECOND)
    steady = in_the_storm(inbox, storm, sending)
    found = inbox.count(
        "the storm (R1, R2)",
        sending,
        merchants=merchants,
        without_web=storm.without_web,
        seconds=DRAINED_WITHIN,
    )

    judge(found)
    judge.say(
        f"drill: the storm: {storm.done} steady_s={steady:.1f} after the last blow; {slow_answers(storm, sending)}"
    )
    assert storm.done == {"worker": 20, "web": 5, "redis": 3, "flush": 1, "freeze": 1, "postgres": 2}
    assert found.drained_seconds <= DRAINED_WITHIN
    assert found.p99 <= ANSWERS_WITHIN
    assert found.slowest <= 2.0
