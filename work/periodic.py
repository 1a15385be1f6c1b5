"""Jobs that run every so often, each period exactly one row: no clock process, any number of workers may create it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from work.models import DueRow, PeriodicSlot, WorkerHeartbeat
from work.queues import GiveUp, Postpone

_HEARTBEATS_KEPT = timedelta(hours=1)
_SLOTS_KEPT = timedelta(days=2)
_UNKNOWN_JOB_WAITS = timedelta(hours=1)


@dataclass(frozen=True)
class Job:
    """Something to run once per period."""

    name: str
    seconds: int
    run: Callable[[], None]


_jobs: dict[str, Job] = {}


def every(seconds: int, name: str, run: Callable[[], None]) -> None:
    """Have `run()` called once per period of `seconds`; called once per job from an app's `AppConfig.ready`.

    A run that fails is tried again a few times. A period that ended before its run began is not run: the newer one does
    the work. `run` should take a moment and only make rows due; it may be called twice when a worker dies.
    """
    if name in _jobs:
        raise ImproperlyConfigured(f"A periodic job named {name!r} is registered already.")
    _jobs[name] = Job(name, seconds, run)


def jobs() -> list[Job]:
    """Every registered job."""
    return list(_jobs.values())


def create_slots() -> None:
    """Make a due row for the present period of each job, unless somebody has already.

    Looks before it inserts: an insert would wait for a worker that is just changing the row, and that may be frozen.
    """
    table = connection.ops.quote_name(PeriodicSlot._meta.db_table)
    present = "to_timestamp(floor(extract(epoch from statement_timestamp()) / %(seconds)s) * %(seconds)s)"
    with connection.cursor() as cursor:
        for job in jobs():
            cursor.execute(
                f"INSERT INTO {table} (job, slot, lane, priority, state, attempts, fence, claimed_by, problem)"  # noqa: S608
                f" SELECT %(job)s, {present}, %(job)s, 50, 'waiting', 0, 0, '', ''"
                f" WHERE NOT EXISTS (SELECT FROM {table} WHERE job = %(job)s AND slot = {present})"
                " ON CONFLICT (job, slot) DO NOTHING",
                {"job": job.name, "seconds": job.seconds},
            )


def run_slot(slot: PeriodicSlot) -> None:
    """Run the job of one slot, unless a newer slot of it exists that will."""
    if PeriodicSlot.objects.filter(job=slot.job, slot__gt=slot.slot).exists():
        return
    job = _jobs.get(slot.job)
    if job is not None:
        job.run()
        return
    # While old and new code run side by side, a worker may meet a job that only the other one knows.
    if PeriodicSlot.objects.filter(pk=slot.pk, created_at__gt=Now() - _UNKNOWN_JOB_WAITS).exists():
        raise Postpone(timedelta(seconds=10), "UnknownJob")
    raise GiveUp("UnknownJob")


def prune() -> None:
    """Forget old heartbeats and old finished slots; the newest slot of a job stays, or it would be created again."""
    WorkerHeartbeat.objects.filter(beat_at__lt=Now() - _HEARTBEATS_KEPT).delete()
    newer = PeriodicSlot.objects.filter(job=OuterRef("job"), slot__gt=OuterRef("slot"))
    PeriodicSlot.objects.filter(
        Exists(newer), state=DueRow.State.DONE, finished_at__lt=Now() - _SLOTS_KEPT
    ).delete()
