"""Rows that are worked on along with the head of their lane: no more than were asked for, and in their order."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection

from tests.work.conftest import COMMITTING
from tests.work.errands import Errand, put
from work import bundles
from work.engine import Queue

pytestmark = COMMITTING


@pytest.fixture
def lane(errands: "Queue[Errand]") -> list[Errand]:
    """Seven errands of a lane in a table that was looked at when it held one: its plans walk over all rows of it."""
    first = put("a")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE errands_errand")
    return [first, *(put("a") for _ in range(6))]


def test_no_more_rows_are_taken_along_than_were_asked_for(lane: list[Errand]) -> None:
    taken = bundles.take_along(lane[0], limit=2)

    assert [row.pk for row in taken] == [row.pk for row in lane[:2]]
    assert Errand.objects.filter(attempts=0).count() == 5


def test_rows_that_are_put_off_come_back_one_after_the_other(
    lane: list[Errand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "PUT_OFF", 4)

    assert bundles.put_off(lane[0], delay=timedelta(hours=1), problem="x", spacing=timedelta(minutes=1)) == 4

    moments = [row.due_at for row in Errand.objects.filter(problem="x").order_by("pk")]
    assert [later - sooner for sooner, later in pairwise(moments)] == [timedelta(minutes=1)] * 3
