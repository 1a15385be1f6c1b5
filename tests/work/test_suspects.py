"""A row whose worker died with it twice is a suspect: it waits, lets others go first, and is then tried alone."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.waiting import eventually
from tests.work.conftest import COMMITTING
from tests.work.crowd import in_thread
from tests.work.errands import Effect, Errand, errand_queue, let_lease_end, let_wait_end, put
from work import claims, engine
from work.company import Company
from work.engine import LostLease, Queue, claim, drain, drain_suspects, drain_waiting, fail, revive, settle

pytestmark = COMMITTING
LEASE = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def company(monkeypatch: pytest.MonkeyPatch) -> Company:
    """Nobody is at work in this process."""
    nobody = Company()
    monkeypatch.setattr(engine, "company", nobody)
    return nobody


def lose(queue: "Queue[Errand]", lane: str, times: int) -> Errand:
    """Claim the head of a lane as often, without ever coming back; the row as it was claimed last."""
    for _ in range(times):
        row = claim(queue, lane)[0]
        let_lease_end(row)
    return row


def lose_alone(queue: "Queue[Errand]") -> None:
    """Claim the one suspect as a worker that dies with it."""
    row = claims.claim_suspect(queue, claimed_by="gone:7")
    assert isinstance(row, Errand)
    let_lease_end(row)


def test_row_lost_twice_waits_and_its_lane_goes_on(errands: "Queue[Errand]") -> None:
    queue = errand_queue(backoff=lambda attempts: timedelta(hours=attempts))
    suspect, following = put("a"), put("a")
    lost = lose(queue, "a", 2)

    assert [row.pk for row in claim(queue, "a")] == [following.pk]

    suspect.refresh_from_db()
    assert (suspect.state, suspect.attempts, suspect.problem) == ("waiting", 2, "WorkerLost")
    assert suspect.lease_until is None
    assert Errand.objects.filter(pk=suspect.pk, due_at__gt=Now() + timedelta(minutes=119)).exists()
    with pytest.raises(LostLease), settle(lost):
        pass


def test_suspect_that_is_due_is_left_to_those_who_try_it_alone(errands: "Queue[Errand]") -> None:
    suspect = put("a")
    lose(errands, "a", 2)
    claim(errands)
    let_wait_end(suspect)

    assert drain(errands) == drain(errands, "a") == drain_waiting(errands) == 0
    assert claims.waiting_lanes(errands) == []

    assert drain_suspects(errands) == 1
    suspect.refresh_from_db()
    assert (suspect.state, suspect.attempts, suspect.problem) == ("done", 3, "")


def test_suspect_that_is_not_due_is_not_tried(errands: "Queue[Errand]") -> None:
    queue = errand_queue(backoff=lambda attempts: timedelta(hours=attempts))
    put("a")
    lose(queue, "a", 2)
    claim(queue)

    assert drain_suspects(queue) == 0


def test_suspect_waits_while_another_row_of_its_lane_is_in_hand(errands: "Queue[Errand]") -> None:
    suspect = put("a")
    lose(errands, "a", 2)
    put("a")
    claim(errands)
    let_wait_end(suspect)

    assert claims.claim_suspect(errands, claimed_by="me") is None
    assert not claims.has_suspects(errands)


def test_suspects_are_found_by_an_index(errands: "Queue[Errand]") -> None:
    Errand.objects.bulk_create([Errand(lane=f"lane {n % 500}") for n in range(1000)])
    Errand.objects.bulk_create([Errand(lane=f"lane {n}", problem="WorkerLost") for n in range(3)])
    with CaptureQueriesContext(connection) as asked:
        assert claims.has_suspects(errands)
        assert claims.claim_suspect(errands, claimed_by="me") is not None

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE errands_errand")
        for each in asked.captured_queries:
            cursor.execute(f"EXPLAIN {each['sql']}")
            assert "errands_errand_s " in str(cursor.fetchall())


def test_suspect_lost_up_to_the_ceiling_is_buried(errands: "Queue[Errand]") -> None:
    queue = errand_queue(max_attempts=5)
    suspect = put("a")
    lose(queue, "a", 2)
    for attempts in (2, 3, 4):
        assert claim(queue) == []
        suspect.refresh_from_db()
        assert (suspect.state, suspect.attempts) == ("waiting", attempts)
        let_wait_end(suspect)
        lose_alone(queue)

    assert claim(queue) == []

    suspect.refresh_from_db()
    assert (suspect.state, suspect.problem) == ("dead", "TakenOverTooOften")
    assert suspect.finished_at is not None
    assert Effect.objects.filter(errand=suspect.pk, what="buried").count() == 1


@pytest.mark.parametrize("ceiling", [1, 2, 3])
def test_row_lost_at_its_last_try_beside_others_has_one_more_alone(
    errands: "Queue[Errand]", ceiling: int
) -> None:
    queue = errand_queue(max_attempts=ceiling, backoff=lambda attempts: timedelta(0))
    row = put("a")
    for _ in range(ceiling - 1):
        fail(queue, claim(queue)[0], "Trouble")
    lose(queue, "a", 1)

    assert claim(queue) == []
    assert drain_suspects(queue) == 1

    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", ceiling)


def test_suspect_that_fails_is_a_suspect_no_more(errands: "Queue[Errand]") -> None:
    queue = errand_queue(max_attempts=5, backoff=lambda attempts: timedelta(0))
    put("a", kind="fail")
    lose(queue, "a", 2)
    claim(queue)

    drain_suspects(queue)

    assert [row.attempts for row in claim(queue)] == [4]


def test_revived_row_begins_anew(errands: "Queue[Errand]") -> None:
    row = put("a")
    lose(errands, "a", 2)
    claim(errands)
    let_wait_end(row)
    lose_alone(errands)
    claim(errands)

    assert revive(row)

    assert [each.attempts for each in claim(errands)] == [1]


@pytest.mark.parametrize("ceiling", [1, 2, 5])
def test_suspect_lost_beside_others_is_never_buried_for_it(
    errands: "Queue[Errand]", monkeypatch: pytest.MonkeyPatch, ceiling: int
) -> None:
    queue = errand_queue(max_attempts=ceiling, backoff=lambda attempts: timedelta(0))
    suspect = put("a")
    lose(queue, "a", min(ceiling, 2))
    claim(queue)
    suspect.refresh_from_db()
    before = suspect.attempts
    for _ in range(ceiling + 2):
        row = claims.claim_suspect(queue, claimed_by="gone:7", counts=False)
        assert isinstance(row, Errand)
        let_lease_end(row)
        assert claim(queue) == []

    suspect.refresh_from_db()
    assert (suspect.state, suspect.attempts, suspect.problem) == ("waiting", before, "WorkerLost")


def test_try_beside_a_row_that_may_share_an_end_does_not_count(
    errands: "Queue[Errand]", company: Company
) -> None:
    seen: list[int] = []
    queue = errand_queue(process=lambda row: seen.append(row.attempts), may_share_an_end=True)
    for lane in ("a", "b"):
        put(lane)
        lose(errands, lane, 2)
    claim(errands)
    for suspect in Errand.objects.all():
        let_wait_end(suspect)

    with company.beside_others(LEASE, may_share_an_end=True):
        assert drain_suspects(queue) == 2

    assert seen == [2, 2]


def test_suspects_are_tried_one_after_the_other_while_it_is_quiet_anyway(
    errands: "Queue[Errand]", company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_SUSPECTS_SECONDS", 60.0)
    monkeypatch.setattr("work.company.LONGEST_ALONE", 60.0)
    for lane in ("a", "b", "c"):
        suspect = put(lane)
        lose(errands, lane, 2)
    claim(errands)
    for suspect in Errand.objects.all():
        let_wait_end(suspect)
    others: list[threading.Thread] = []

    def be_waited_for(row: Errand) -> None:
        others.append(in_thread(company, []))
        eventually(lambda: company._keeps_out)

    assert drain_suspects(errand_queue(process=be_waited_for)) == 3
    for other in others:
        other.join(10)


def test_longest_waits_are_known_for_queues_that_never_give_up(errands: "Queue[Errand]") -> None:
    put("a", attempts=400)
    queue = errand_queue(max_attempts=10_000)
    lose(queue, "a", 1)

    assert claim(queue) == []
    assert Errand.objects.filter(due_at__lte=Now() + timedelta(hours=1), attempts=401).exists()
