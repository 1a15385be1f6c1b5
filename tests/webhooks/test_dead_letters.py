"""An event that nobody can process is given up, told of once a day, and holds nobody up."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import Notice, User
from tests.stripe_keys.keys import bind_account
from tests.webhooks.test_replays import events
from webhooks import handlers, tasks
from webhooks.handlers import Plan, Told
from webhooks.models import EventNotification
from work import engine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(ada: User, monkeypatch: pytest.MonkeyPatch) -> str:
    """An account of Ada's; events of type `x.poison` break their handler, those of `x.good` do not."""
    bind_account(ada, "acct_1AdasAccount0000")

    def poison(told: Told) -> Plan:
        raise ZeroDivisionError

    def good(told: Told) -> Plan:
        return Plan(do=lambda **_: 1)

    monkeypatch.setitem(handlers.HANDLERS, "x.poison", poison)
    monkeypatch.setitem(handlers.HANDLERS, "x.good", good)
    return "acct_1AdasAccount0000"


def waiting(count: int, kind: str) -> list[EventNotification]:
    """Events of the account that are due."""
    fresh: dict[str, Any] = {"state": "waiting", "attempts": 0, "problem": "", "finished_at": None}
    return events(count, type=kind, **fresh)


def try_until_it_ends() -> None:
    """Let each wait after a failed attempt be over."""
    for _ in range(tasks.EVENTS.max_attempts):
        EventNotification.objects.filter(state="waiting").update(due_at=Now())
        engine.drain("events")


def test_poison_does_not_hold_up_its_lane(account: str) -> None:
    (poison,), (following,) = waiting(1, "x.poison"), waiting(1, "x.good")

    engine.drain("events")

    following.refresh_from_db()
    poison.refresh_from_db()
    assert (following.state, following.outcome) == ("done", "applied")
    assert (poison.state, poison.attempts, poison.problem) == ("waiting", 1, "ZeroDivisionError")
    assert poison.due_at - poison.created_at > timedelta(seconds=1)


def test_dead_events_are_told_of_once_a_day_for_each_type(account: str) -> None:
    waiting(3, "x.poison")

    try_until_it_ends()

    dead = EventNotification.objects.filter(state="dead", attempts=5, problem="ZeroDivisionError")
    assert dead.count() == 3
    told = Notice.objects.get(merchant=None, dedupe_key__startswith="dead-event:")
    assert "x.poison" in told.body
    assert "ZeroDivisionError" in told.body
