"""`manage.py worker_health`: what a supervisor asks."""

import socket
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from work.models import WorkerHeartbeat

pytestmark = pytest.mark.django_db


def beat(host: str, seconds_ago: int) -> None:
    """A heartbeat of some worker."""
    WorkerHeartbeat.objects.create(
        name="worker", host=host, pid=1, beat_at=Now() - timedelta(seconds=seconds_ago)
    )


def test_worker_that_beats_is_healthy() -> None:
    beat(socket.gethostname(), 5)
    said = StringIO()

    call_command("worker_health", stdout=said)

    assert "1 worker process alive" in said.getvalue()


def test_worker_that_stopped_beating_is_not() -> None:
    beat(socket.gethostname(), 20)

    with pytest.raises(CommandError, match=r"No worker on .* within 15 seconds"):
        call_command("worker_health")


def test_worker_of_another_machine_does_not_count() -> None:
    beat("another machine", 0)

    with pytest.raises(CommandError):
        call_command("worker_health")
