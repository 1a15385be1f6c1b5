"""A process that is short of connections to the database."""

import pytest

from tests.pool import connections_in_the_pool
from tests.waiting import eventually
from tests.work.conftest import COMMITTING
from work import periodic
from work.models import WorkerHeartbeat
from work.pulse import Pulse, Thresholds

pytestmark = COMMITTING


def test_pulse_beats_while_others_have_every_connection(
    committing_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "_jobs", {})  # a hand that does what is due would wait for a connection too
    pulse = Pulse("worker", Thresholds(tick=0.02))
    with connections_in_the_pool(1):
        assert not WorkerHeartbeat.objects.exists()  # from here on this thread has the only one

        pulse.start()
        first = eventually(lambda: WorkerHeartbeat.objects.values_list("beat_at", flat=True).first())
        eventually(lambda: WorkerHeartbeat.objects.filter(beat_at__gt=first).exists())
        pulse.stop()
