"""Claims in concurrent transactions, in any order: a lane has one holder, a lost row stays lost, and none is buried
that was not lost by somebody who had nothing else in hand."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as StillWaitingError
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.work.conftest import COMMITTING
from tests.work.errands import Errand, errand_queue, put
from work import claims
from work.engine import LostLease, Queue, claim, settle

pytestmark = COMMITTING
LANES = ["a", "b"]
HANDS = 3
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(LANES), st.integers(1, 3)),
        st.tuples(st.just("claim"), st.integers(0, HANDS - 1), st.sampled_from([*LANES, None])),
        st.tuples(st.just("commit"), st.integers(0, HANDS - 1), st.none()),
        st.tuples(st.just("settle"), st.integers(0, HANDS - 1), st.none()),
        st.tuples(st.just("claim a suspect"), st.integers(0, HANDS - 1), st.none()),
        st.tuples(st.just("lease ends"), st.sampled_from(LANES), st.none()),
        st.tuples(st.just("is lost"), st.sampled_from(LANES), st.integers(0, HANDS - 1)),
    ),
    min_size=4,
    max_size=30,
)


@dataclass
class Hand:
    """A worker of its own thread and connection, whose claims stay in an open transaction until it commits."""

    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    pending: Future[Any] | None = None
    transaction: Any = None
    holds: list[Errand] = field(default_factory=list)
    settled: list[tuple[int, int]] = field(default_factory=list)
    held_alone: list[int] = field(default_factory=list)

    def do(self, what: Callable[[], None]) -> None:
        """Have it done in the hand's thread; skipped while the hand waits for another's transaction."""
        if self.pending is None or self.pending.done():
            self.finish()
            self.pending = self.thread.submit(what)
            try:
                self.pending.result(timeout=0.05)
            except StillWaitingError:
                return  # it waits for another hand's transaction

    def finish(self) -> None:
        """Wait for what is under way and raise what it raised."""
        if self.pending is not None:
            self.pending.result(timeout=10)
            self.pending = None

    def claim(self, queue: "Queue[Errand]", lane: str | None) -> None:
        """Claim a row in a transaction that stays open, after committing the one before."""
        self.commit()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.holds += claim(queue, lane)

    def claim_suspect(self, queue: "Queue[Errand]") -> None:
        """Claim a suspect in a transaction that stays open, after committing the one before."""
        self.commit()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        row = suspect_of(queue)
        if row is not None:
            self.holds.append(row)
            self.held_alone.append(row.pk)

    def commit(self) -> None:
        """Commit the open transaction, if there is one."""
        if self.transaction is not None:
            self.transaction.__exit__(None, None, None)
            self.transaction = None

    def settle(self) -> None:
        """Commit, then try to settle everything that was claimed."""
        self.commit()
        while self.holds:
            row = self.holds.pop()
            try:
                with settle(row):
                    pass
            except LostLease:
                continue
            self.settled.append((row.pk, row.fence))


@contextmanager
def some_hands() -> Iterator[list[Hand]]:
    """Hands for one schedule; in the end all commit, whatever happened, and their connections are closed."""
    hands = [Hand() for _ in range(HANDS)]
    try:
        yield hands
    finally:  # one may wait for another one's commit, so all commit before any is waited for
        ends = [
            [hand.thread.submit(end) for end in (hand.commit, hand.settle, close_connection)]
            for hand in hands
        ]
        wait([each for of_hand in ends for each in of_hand], timeout=20)
        for hand, of_hand in zip(hands, ends, strict=True):
            hand.thread.shutdown()
            hand.finish()
            for end in of_hand:
                end.result(timeout=0)


@settings(
    max_examples=75,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=steps)
def test_whatever_the_order_each_row_is_settled_once_by_its_last_holder(
    errands: "Queue[Errand]", schedule: list[tuple[str, Any, Any]]
) -> None:
    queue = errand_queue(backoff=lambda attempts: timedelta(0))
    Errand.objects.all().delete()
    for lane in LANES:
        put(lane)

    with some_hands() as workers:
        for verb, whom, detail in schedule:
            take_step(queue, workers, verb, whom, detail)
            claimed = list(Errand.objects.filter(state="claimed").values_list("lane", flat=True))
            assert len(claimed) == len(set(claimed))

    settled = [each for hand in workers for each in hand.settled]
    assert len({pk for pk, _ in settled}) == len(settled)
    for pk, fence in settled:
        row = Errand.objects.get(pk=pk)
        assert (row.state, row.fence) == ("done", fence)
    held_alone = {pk for hand in workers for pk in hand.held_alone}
    assert set(Errand.objects.filter(state="dead").values_list("pk", flat=True)) <= held_alone


def take_step(queue: "Queue[Errand]", workers: list[Hand], verb: str, whom: Any, detail: Any) -> None:
    """One step of a schedule."""
    match verb:
        case "put":
            put(whom, priority=detail)
        case "claim":
            workers[whom].do(lambda: workers[whom].claim(queue, detail))
        case "commit":
            workers[whom].do(workers[whom].commit)
        case "settle":
            workers[whom].do(workers[whom].settle)
        case "claim a suspect":
            workers[whom].do(lambda: workers[whom].claim_suspect(queue))
        case "lease ends":
            let_leases_end(whom)
        case "is lost":
            workers[detail].do(lambda: workers[detail].claim(queue, whom))
            workers[detail].do(workers[detail].commit)
            let_leases_end(whom)


def suspect_of(queue: "Queue[Errand]") -> Errand | None:
    """A claimed suspect, if one is due and nobody took its lane at the same moment."""
    try:
        with transaction.atomic():
            row = claims.claim_suspect(queue, claimed_by="somebody")
    except IntegrityError:
        return None
    assert row is None or isinstance(row, Errand)
    return row


def let_leases_end(lane: str) -> None:
    """Make the lease of a lane's claim a thing of the past, unless somebody is changing that row just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE errands_errand SET lease_until = statement_timestamp() - interval '1 second' WHERE id IN"
            " (SELECT id FROM errands_errand WHERE lane = %s AND state = 'claimed' FOR UPDATE SKIP LOCKED)",
            [lane],
        )


def close_connection() -> None:
    """Give back the connection of the present thread."""
    connection.close()
