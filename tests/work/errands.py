"""A queue for the engine's tests: errands that write an effect, wait, fail, hang or kill the worker that runs them.

The models belong to no installed app, so no migration and no other test knows of them.
"""

import os
import signal
import threading
import time
from datetime import timedelta
from typing import Any, ClassVar

from django.db import connection, models
from django.db.models.functions import Now

from work.engine import GiveUp, Postpone, Queue, settle
from work.models import DueRow


class Errand(DueRow):
    """Something to do; `kind` says what happens to whoever does it."""

    kind = models.CharField(max_length=20, default="write")
    released = models.BooleanField(default=False)

    objects: "ClassVar[models.Manager[Errand]]" = models.Manager()

    class Meta(DueRow.Meta):
        app_label = "errands"

    def __str__(self) -> str:
        return f"{self.kind} in {self.lane}"


class Effect(models.Model):
    """What an errand left behind. `overlapped`: another errand of the lane was being done at the same moment."""

    errand = models.IntegerField()
    lane = models.CharField(max_length=64)
    what = models.CharField(max_length=20)
    pid = models.IntegerField()
    overlapped = models.BooleanField(default=False)

    objects: "ClassVar[models.Manager[Effect]]" = models.Manager()

    class Meta:
        app_label = "errands"

    def __str__(self) -> str:
        return f"{self.what} {self.errand}"


class OutsideTextError(Exception):
    """Carries a text from outside, which must end up nowhere."""

    code = "out_of_order"


def leave_effect(errand: Errand, what: str, *, overlapped: bool = False) -> None:
    """Write down that something happened."""
    Effect.objects.create(
        errand=errand.pk, lane=errand.lane, what=what, pid=os.getpid(), overlapped=overlapped
    )


def do(errand: Errand) -> None:
    """Do what the errand's kind says."""
    _KINDS[errand.kind](errand)


def _write(errand: Errand) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [errand.lane])
        alone = cursor.fetchone()[0]
        time.sleep(0.002)
        if alone:  # before the end is written: from then on the lane is another's
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [errand.lane])
    with settle(errand):
        leave_effect(errand, "written", overlapped=not alone)


def _wait(errand: Errand) -> None:
    leave_effect(errand, "begun")
    while not Errand.objects.filter(pk=errand.pk, released=True).exists():
        time.sleep(0.02)
    with settle(errand):
        leave_effect(errand, "written")


def _hang(errand: Errand) -> None:
    leave_effect(errand, "begun")
    threading.Event().wait()


def _begin(errand: Errand) -> int:
    """Begin, for the how many-th time; its attempts are fewer where one beside others does not count."""
    leave_effect(errand, "begun")
    return Effect.objects.filter(errand=errand.pk, what="begun").count()


def _be_beside(errand: Errand) -> None:
    """Wait to be killed by another, the first two times."""
    threading.Event().wait(10 if _begin(errand) <= 2 else 0.5)
    with settle(errand):
        leave_effect(errand, "written")


def _die(errand: Errand) -> None:
    """Die: the first two times among as many others as there are."""
    times = _begin(errand)
    others = Errand.objects.filter(kind="be beside")
    here = Effect.objects.filter(pid=os.getpid(), what="begun", errand__in=others.values("pk"))
    end = time.monotonic() + 10
    while times <= 2 and here.count() < others.count() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(errand: Errand) -> None:
    raise OutsideTextError("the words of a stranger")


def _postpone(errand: Errand) -> None:
    raise Postpone(timedelta(hours=1), "StripeUnavailable")


def _give_up(errand: Errand) -> None:
    raise GiveUp("NothingToDo")


def _lose_the_connection(errand: Errand) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def _forget_to_settle(errand: Errand) -> None:
    leave_effect(errand, "begun")


_KINDS = {
    "write": _write,
    "wait": _wait,
    "hang": _hang,
    "be beside": _be_beside,
    "die": _die,
    "fail": _fail,
    "postpone": _postpone,
    "give up": _give_up,
    "lose the connection": _lose_the_connection,
    "forget to settle": _forget_to_settle,
}


def bury_with_effect(errand: Errand) -> None:
    """The queue's `on_dead`: leaves a trace in the burial's own transaction."""
    leave_effect(errand, "buried")


def errand_queue(**changes: Any) -> "Queue[Errand]":
    """The queue of errands, with some of its settings changed."""
    settings: dict[str, Any] = {
        "name": "errands",
        "model": Errand,
        "process": do,
        "task_name": "tests.work.drain_errands",
        "max_attempts": 3,
        "on_dead": bury_with_effect,
    }
    return Queue(**{**settings, **changes})


def put(lane: str = "lane", **values: Any) -> Errand:
    """Store an errand that is due now."""
    errand = Errand.objects.create(lane=lane, **values)
    errand.refresh_from_db()
    return errand


def let_wait_end(errand: Errand) -> None:
    """Make an errand due that waits for a later moment."""
    Errand.objects.filter(pk=errand.pk).update(due_at=Now())


def let_lease_end(errand: Errand) -> None:
    """Make the lease of a claimed errand a thing of the past."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE errands_errand SET lease_until = statement_timestamp() - interval '1 second' WHERE id = %s",
            [errand.pk],
        )
