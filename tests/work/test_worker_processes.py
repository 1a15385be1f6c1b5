"""Real worker processes on the test database: racing, frozen, killed, stalled, without a broker or a database."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.models.functions import Now

from local_stack.ports import free_port
from local_stack.redis_server import RedisServer
from tests.waiting import eventually
from tests.work.errands import Effect, Errand, put
from tests.work.processes import Workers
from work import bell
from work.models import WorkerHeartbeat
from work.pulse import EXIT_FOR_RESTART

# A whole worker writes for every app (canaries, audits), so everything is emptied after each test, not only `work`.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def begun_by(errand: Errand) -> list[int]:
    """The processes that have begun the errand, first one first."""
    begun = Effect.objects.filter(errand=errand.pk, what="begun").order_by("pk")
    return list(begun.values_list("pid", flat=True))


def written(errand: Errand) -> list[int]:
    """The processes that have written the errand's effect."""
    return list(Effect.objects.filter(errand=errand.pk, what="written").values_list("pid", flat=True))


def is_done(errand: Errand) -> bool:
    """Whether the errand's row says done."""
    return Errand.objects.filter(pk=errand.pk, state="done").exists()


def release(errand: Errand) -> None:
    """Let whoever waits in the errand go on."""
    Errand.objects.filter(pk=errand.pk).update(released=True)


def test_racing_workers_never_share_a_lane_and_do_everything_once(workers: Workers) -> None:
    Errand.objects.bulk_create([Errand(lane=f"lane {n % 10}", priority=n % 3) for n in range(300)])

    for _ in range(2):
        workers()
    eventually(lambda: not Errand.objects.exclude(state="done").exists(), timeout=30)

    assert set(Counter(Effect.objects.values_list("errand", flat=True)).values()) == {1}
    assert Effect.objects.count() == 300
    assert not Effect.objects.filter(overlapped=True).exists()


def test_row_of_a_frozen_and_then_of_a_killed_worker_is_taken_over(workers: Workers) -> None:
    errand = put(kind="wait")
    both = {worker.pid: worker for worker in [workers(ERRAND_LEASE="2"), workers(ERRAND_LEASE="2")]}
    frozen = both[eventually(lambda: begun_by(errand), timeout=20)[0]]

    frozen.signal(signal.SIGSTOP)
    eventually(lambda: len(begun_by(errand)) == 2, timeout=20)
    release(errand)
    eventually(lambda: is_done(errand))
    frozen.signal(signal.SIGCONT)
    eventually(lambda: frozen.said("was lost to another worker"))

    assert len(written(errand)) == 1, "what a frozen worker writes late is refused"
    assert written(errand) != [frozen.pid]
    assert is_done(errand)

    another = put(kind="wait")
    killed = both[eventually(lambda: begun_by(another))[0]]
    killed.signal(signal.SIGKILL)
    release(another)

    eventually(lambda: is_done(another))
    assert len(written(another)) == 1


def test_row_that_kills_its_workers_is_parked_and_takes_nobody_along(workers: Workers) -> None:
    poison = put("lane", kind="die")
    following = put("lane")
    neighbours = [put(f"beside {n}", kind="be beside") for n in range(3)]
    Errand.objects.bulk_create([Errand(lane=f"lane {n % 10}") for n in range(100)])
    workers.keep_one_running()

    def is_dead() -> bool:
        if workers.restart_what_ended():  # and what it held is free at once
            Errand.objects.filter(state="claimed").update(lease_until=Now())
        return Errand.objects.filter(pk=poison.pk, state="dead", problem="TakenOverTooOften").exists()

    eventually(is_dead, timeout=90)
    eventually(lambda: not Errand.objects.exclude(pk=poison.pk).exclude(state="done").exists(), timeout=20)

    assert is_done(following)
    assert len(begun_by(poison)) in (3, 4), "a death beside the site's own periodic work proves nothing"
    assert all(len(begun_by(errand)) == 3 for errand in neighbours), "each was beside it twice when it died"
    done = Counter(Effect.objects.filter(what="written").values_list("errand", flat=True))
    assert (len(done), set(done.values())) == (104, {1})


def test_stalled_worker_ends_for_a_restart_and_its_successor_does_the_work(workers: Workers) -> None:
    more_than_hands = range(40)
    Errand.objects.bulk_create([Errand(lane=f"lane {n}", kind="hang") for n in more_than_hands])

    stalled = workers(ERRAND_LEASE="1", ERRAND_OVERDUE="1.5", ERRAND_STUCK="1")
    eventually(stalled.ended, timeout=30)

    assert stalled.process.returncode == EXIT_FOR_RESTART
    assert stalled.said("ending the process for a restart")
    Errand.objects.update(kind="write")
    workers()
    eventually(lambda: not Errand.objects.exclude(state="done").exists(), timeout=20)


def test_work_is_done_without_any_broker(workers: Workers) -> None:
    errand = put()

    worker = workers(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    eventually(lambda: is_done(errand), timeout=20)
    assert written(errand) == [worker.pid]


def test_work_goes_on_while_the_broker_is_frozen(workers: Workers, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", logs=tmp_path, durable=False)
    server.start()
    try:
        worker = workers(REDIS_URL=server.url)
        eventually(lambda: worker.said("ready."), timeout=20)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)

        errand = put()

        eventually(lambda: is_done(errand))
    finally:
        server.stop()


def test_bell_is_answered_at_once(workers: Workers) -> None:
    worker = workers(ERRAND_BELL_LOST="1000", ERRAND_TICK="1000")
    eventually(lambda: worker.said("ready."), timeout=20)
    errand = put("ada")

    bell.ring("errands", "ada")

    eventually(lambda: is_done(errand))


def test_row_whose_bell_was_lost_is_rung_for_again_until_the_worker_is_asked_to_end(workers: Workers) -> None:
    errand, following = put("lane", kind="wait"), put("lane")  # and nobody rings
    worker = workers(ERRAND_BELL_LOST="1000")
    eventually(lambda: begun_by(errand), timeout=20)
    eventually(lambda: worker.said("Task tests.work.drain_errands["), timeout=20)

    worker.signal(signal.SIGTERM)
    eventually(lambda: worker.said("takes no more rows"))
    release(errand)
    eventually(worker.ended)

    assert is_done(errand), "it finishes its row"
    assert not is_done(following), "and takes no other"


def test_worker_survives_an_outage_of_the_database(workers: Workers) -> None:
    worker = workers(ERRAND_OVERDUE="5", ERRAND_STUCK="1")
    eventually(WorkerHeartbeat.objects.exists, timeout=20)
    with no_database():
        eventually(lambda: worker.said("no beat for now"), timeout=15)
    eventually(database_answers)
    errand = put()

    eventually(lambda: is_done(errand), timeout=15)
    assert not worker.ended()
    assert worker.log.read_text().count("no beat for now") == 1


def test_worker_of_the_site_beats_and_is_healthy(workers: Workers) -> None:
    worker = workers(app="partner_site")

    eventually(lambda: WorkerHeartbeat.objects.filter(pid=worker.pid).exists(), timeout=20)

    call_command("worker_health")


def database_answers() -> bool:
    """Whether this process, whose connections were ended too, has one again."""
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


@contextmanager
def no_database() -> Iterator[None]:
    """Nobody can reach the test database for the time of the block."""
    name = connection.settings_dict["NAME"]
    settings = connection.settings_dict
    connection.close()
    with psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"] or None,
        user=settings["USER"],
        password=settings["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
    ) as other:
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
