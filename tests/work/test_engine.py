"""What becomes of a claimed row: done, later, dead, or lost; and never written by somebody who has lost it."""

from datetime import timedelta
from typing import ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.models.functions import Now

from tests.work.conftest import COMMITTING
from tests.work.errands import (
    Effect,
    Errand,
    OutsideTextError,
    errand_queue,
    leave_effect,
    let_lease_end,
    put,
)
from work import engine
from work.engine import LostLease, Queue, claim, drain, revive, settle
from work.models import DueRow
from work.queues import doubling_backoff

pytestmark = COMMITTING


def test_drain_works_until_nothing_is_due(errands: "Queue[Errand]") -> None:
    rows = [put("a"), put("a"), put("b")]

    assert drain(errands) == 3

    assert all(Errand.objects.filter(state="done", finished_at__isnull=False, lease_until=None))
    assert sorted(Effect.objects.values_list("errand", flat=True)) == [row.pk for row in rows]


def test_drain_of_a_lane_leaves_the_others(errands: "Queue[Errand]") -> None:
    put("a"), put("b")

    assert drain("errands", "a") == 1
    assert Errand.objects.get(lane="b").state == "waiting"


def test_drain_refuses_to_run_inside_a_transaction(errands: "Queue[Errand]") -> None:
    with pytest.raises(RuntimeError, match="outside transactions"), transaction.atomic():
        drain(errands)


def test_process_that_does_not_settle_is_settled(errands: "Queue[Errand]") -> None:
    row = put(kind="forget to settle")

    drain(errands)

    row.refresh_from_db()
    assert row.state == "done"


def test_late_write_of_a_lost_row_is_rolled_back(errands: "Queue[Errand]") -> None:
    put()
    frozen = claim(errands)[0]
    let_lease_end(frozen)
    taken_over = claim(errands)[0]

    with pytest.raises(LostLease), settle(frozen):
        leave_effect(frozen, "written too late")
    with settle(taken_over):
        leave_effect(taken_over, "written")

    assert list(Effect.objects.values_list("what", flat=True)) == ["written"]


def test_effects_roll_back_when_the_block_fails(errands: "Queue[Errand]") -> None:
    put()
    row = claim(errands)[0]

    def write_and_fail() -> None:
        with settle(row):
            leave_effect(row, "written")
            raise OutsideTextError

    with pytest.raises(OutsideTextError):
        write_and_fail()

    assert not Effect.objects.exists()
    assert Errand.objects.get().state == "claimed"


def test_row_that_was_ended_by_another_cannot_be_postponed_failed_or_buried(errands: "Queue[Errand]") -> None:
    put()
    frozen = claim(errands)[0]
    let_lease_end(frozen)
    with settle(claim(errands)[0]):
        pass

    with pytest.raises(LostLease):
        engine.postpone(frozen, timedelta(seconds=1), "Late")
    with pytest.raises(LostLease):
        engine.fail(errands, frozen, "Late")
    with pytest.raises(LostLease):
        engine.bury(errands, frozen, "Late")
    assert Errand.objects.get().state == "done"
    assert not Effect.objects.exists()


def test_worker_that_lost_its_row_goes_on_with_the_next(errands: "Queue[Errand]") -> None:
    def lose(row: Errand) -> None:
        let_lease_end(row)
        claim(errand_queue(), row.lane)

    put("a", priority=1), put("b")
    queue = errand_queue(process=lambda row: lose(row) if row.lane == "a" else None)

    assert drain(queue) == 2
    assert Errand.objects.get(lane="b").state == "done"
    assert Errand.objects.get(lane="a").fence == 2


def test_failure_is_tried_again_later_and_tells_no_outside_text(
    errands: "Queue[Errand]", caplog: pytest.LogCaptureFixture
) -> None:
    row = put(kind="fail")

    drain(errands)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.problem) == ("waiting", 1, "OutsideTextError: out_of_order")
    assert Errand.objects.filter(due_at__gt=Now()).exists()
    assert "OutsideTextError" in caplog.text
    assert "stranger" not in caplog.text


def test_row_is_handed_back_when_the_database_returns(errands: "Queue[Errand]") -> None:
    row = put(kind="lose the connection")

    drain("errands")

    row.refresh_from_db()
    assert (row.state, row.lease_until, row.problem) == ("waiting", None, "OperationalError")


def test_row_is_dead_at_the_ceiling_and_says_so(errands: "Queue[Errand]") -> None:
    row = put(kind="fail")
    queue = errand_queue(backoff=lambda attempts: timedelta(0))

    assert drain(queue) == 3

    row.refresh_from_db()
    assert (row.state, row.attempts, row.problem) == ("dead", 3, "OutsideTextError: out_of_order")
    assert list(Effect.objects.values_list("what", flat=True)) == ["buried"]


def test_giving_up_ends_at_once(errands: "Queue[Errand]") -> None:
    row = put(kind="give up")

    drain(errands)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.problem) == ("dead", 1, "NothingToDo")


def test_trouble_in_on_dead_does_not_bring_the_row_back(errands: "Queue[Errand]") -> None:
    def trouble(row: Errand) -> None:
        leave_effect(row, "half")
        raise OutsideTextError

    row = put(kind="give up")

    drain(errand_queue(on_dead=trouble))

    row.refresh_from_db()
    assert row.state == "dead"
    assert not Effect.objects.exists()


def test_postponing_is_no_failed_attempt(errands: "Queue[Errand]") -> None:
    row = put(kind="postpone")

    drain(errands)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.fence) == ("waiting", 0, 1)
    assert row.problem == "StripeUnavailable"
    assert Errand.objects.filter(due_at__gt=Now() + timedelta(minutes=59)).exists()


def test_postponed_row_does_not_hold_up_its_lane(errands: "Queue[Errand]") -> None:
    put("a", kind="postpone")
    following = put("a")

    drain(errands)

    following.refresh_from_db()
    assert following.state == "done"


def test_dead_row_can_be_revived_once(errands: "Queue[Errand]") -> None:
    row = put(kind="give up")
    drain(errands)
    Errand.objects.update(kind="write")

    assert revive(row)
    assert not revive(row)
    drain(errands)

    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", 1)


def test_fence_of_a_revived_row_goes_on_counting(errands: "Queue[Errand]") -> None:
    put()
    frozen = claim(errands)[0]
    engine.bury(errands, claim_again(errands, frozen), "Dead")
    revive(frozen)

    claim(errands)

    with pytest.raises(LostLease), settle(frozen):
        pass


def claim_again(queue: "Queue[Errand]", row: Errand) -> Errand:
    """Take over a row whose lease is made to end."""
    let_lease_end(row)
    return claim(queue)[0]


def test_only_a_plain_code_is_taken_from_an_exception() -> None:
    problem = OutsideTextError()
    problem.code = "see http://example.com"

    assert engine.problem_of(problem) == "OutsideTextError"


def test_backoff_doubles_with_jitter_up_to_an_hour() -> None:
    waits = [doubling_backoff(attempts).total_seconds() for attempts in (1, 2, 3, 40)]

    assert 1 <= waits[0] <= 2 <= waits[1] <= 4 <= waits[2] <= 8
    assert 1800 <= waits[3] <= 3600


def test_queue_of_a_model_without_the_constraint_is_refused() -> None:
    class Careless(DueRow):
        class Meta(DueRow.Meta):
            app_label = "errands"
            constraints: ClassVar[list[models.BaseConstraint]] = []

        def __str__(self) -> str:
            return ""

    with pytest.raises(ImproperlyConfigured, match=r"class Meta\(DueRow.Meta\)"):
        engine.register(errand_queue(name="careless", model=Careless))


def test_queue_is_registered_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="registered already"):
        engine.register(engine.queues()["periodic"])


def test_database_ends_the_transaction_of_a_worker_frozen_while_it_settles(errands: "Queue[Errand]") -> None:
    put()
    row = claim(errands)[0]

    with settle(row), connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        inside = cursor.fetchone()

    assert inside == ("30s",)
