"""Events are processed again: once each, oldest first, those that were chosen, and who wanted it is written down."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.stripe_keys.keys import bind_account
from webhooks import handlers, replays
from webhooks.handlers import Plan, Told
from webhooks.models import EventNotification, EventReplay
from work import engine

pytestmark = pytest.mark.django_db
COMMITTING = pytest.mark.django_db(transaction=True)
LIST = "admin:webhooks_eventnotification_changelist"
YES = {"action": "process_again", "_selected_action": "1", "select_across": "1"}


def events(count: int, **fields: Any) -> list[EventNotification]:
    """Dead events of one account, unless `fields` say otherwise."""
    usual = {
        "type": "x.broken",
        "payload": "thin",
        "livemode": False,
        "stripe_account_id": "acct_1AdasAccount0000",
        "lane": "acct_1AdasAccount0000",
        "body": "{}",
        "body_sha256": b"x" * 32,
        "state": "dead",
        "attempts": 5,
        "problem": "ValueError",
        "finished_at": timezone.now(),
    }
    first = EventNotification.objects.count()
    return EventNotification.objects.bulk_create(
        EventNotification(event_id=f"evt_test_{first + n}", **{**usual, **fields}) for n in range(count)
    )


def replay(**conditions: Any) -> int:
    wanted = replays.Conditions(**conditions)
    return replays.replay(wanted.events(), by="ops", chosen=wanted.written())


def waiting() -> set[str]:
    return set(EventNotification.objects.filter(state="waiting").values_list("event_id", flat=True))


def command(*args: str, **options: str) -> str:
    """What the command says, called with arguments and options as from a shell."""
    said = StringIO()
    named = [f"--{name}={value}" for name, value in options.items()]
    call_command("replay_events", *args, *named, stdout=said)
    return said.getvalue()


@COMMITTING
def test_dead_events_of_several_batches_are_each_applied_once(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_account(ada, "acct_1AdasAccount0000")
    applied: list[str] = []

    def mended(told: Told) -> Plan:
        def do(*, now: Any) -> int:
            applied.append(told.event.event_id)
            return 1

        return Plan(do=do)

    monkeypatch.setitem(handlers.HANDLERS, "x.broken", mended)
    monkeypatch.setattr(replays, "BATCH", 20)
    dead = events(50)

    assert replay(state="dead") == 50
    assert replay(state="dead") == 0
    engine.drain("events")

    assert Counter(applied) == {event.event_id: 1 for event in dead}
    assert applied == [event.event_id for event in dead], "oldest first"
    assert EventNotification.objects.filter(state="done", outcome="applied", replays=1).count() == 50
    assert list(EventReplay.objects.values_list("by", "chosen", "events")) == [("ops", {"state": "dead"}, 50)]


def test_what_is_not_at_an_end_or_cannot_be_read_any_more_is_left_alone() -> None:
    forgotten = {"body": "", "body_forgotten_at": timezone.now()}
    (thin,) = events(1, **forgotten)
    events(1, payload="snapshot", **forgotten)
    events(1, state="waiting", attempts=3)

    assert replay() == 1

    thin.refresh_from_db()
    assert (thin.state, thin.attempts, thin.problem, thin.finished_at, thin.replays) == (
        "waiting", 0, "", None, 1,
    )  # fmt: skip
    assert EventNotification.objects.filter(attempts=3).count() == 1


def test_replaying_nothing_is_not_written_down() -> None:
    assert replay(state="dead") == 0
    assert not EventReplay.objects.exists()


def test_conditions_choose_together() -> None:
    now = timezone.now()
    wanted = events(1, created_at=now - timedelta(hours=2))
    for other in (
        {"type": "x.other"},
        {"stripe_account_id": "acct_other"},
        {"state": "done", "outcome": "ignored"},
        {"created_at": now - timedelta(hours=4)},
        {"created_at": now},
    ):
        events(1, **{"created_at": now - timedelta(hours=2), **other})

    done = replay(
        since=now - timedelta(hours=3),
        until=now - timedelta(hours=1),
        type="x.broken",
        account="acct_1AdasAccount0000",
        state="dead",
    )

    assert done == 1
    assert waiting() == {wanted[0].event_id}


def test_limit_takes_the_oldest() -> None:
    dead = events(5)

    assert command("--yes", since="2026-01-01", limit="3").endswith("dry_run=no events=3\n")
    assert waiting() == {event.event_id for event in dead[:3]}


def test_command_shows_types_and_states_and_a_dry_run_changes_nothing() -> None:
    events(3), events(2, type="x.other", state="done", outcome="unmatched")

    said = command("--dry-run", since="2026-01-01", state="any")

    assert "3 dead  x.broken" in said
    assert "2 done  x.other" in said
    assert said.endswith("replay_events: dry_run=yes events=5\n")
    assert not waiting()
    assert not EventReplay.objects.exists()


def test_command_takes_dead_events_unless_an_outcome_is_asked_for() -> None:
    (dead,), (done,) = events(1), events(1, state="done", outcome="parked")

    command("--yes", since="2026-01-01", by="Olga")
    assert waiting() == {dead.event_id}
    command("--yes", since="2026-01-01", outcome="parked")

    assert waiting() == {dead.event_id, done.event_id}
    assert set(EventReplay.objects.values_list("by", flat=True)) > {"Olga"}


def test_command_takes_ids_and_names_those_it_cannot_take() -> None:
    dead, _ = events(2)

    said = command(dead.event_id, "evt_test_unknown", "--yes")

    assert "evt_test_unknown: unknown" in said
    assert waiting() == {dead.event_id}
    assert EventReplay.objects.get().chosen == {"ids": [dead.event_id, "evt_test_unknown"]}


@pytest.mark.parametrize(
    ("call", "words", "status"),
    [
        (partial(command, "--yes"), "Say which", 2),
        (partial(command, "--yes", account="acct_1"), "Say which", 2),
        (partial(command, "--yes", since="2026-02-01", until="2026-01-01"), "before", 2),
        (partial(command, "--yes", since="2026-01-01", outcome="applied", state="dead"), "outcome", 2),
        (partial(command, "--yes", since="2026-01-01", type="x.unknown"), "Nothing", 3),
        (partial(command, since="2026-01-01"), "--yes", 1),
        (partial(command, since="yesterday"), "a moment such as", 1),
        (partial(command, since="0001-01-01T00:00+14:00"), "from 2010 on", 1),
        (partial(command, since="2026-01-01", until="9999-12-31T23:59:59-14:00"), "before 2100", 1),
        (partial(command, since="2099-01-01"), "in the future", 1),
        (partial(command, "evt_\udcff"), "cannot be read", 1),
        (partial(command, since="2026-01-01", type="\udcff"), "cannot be read", 1),
        (partial(command, since="2026-01-01", account="acct_\x00"), "cannot be read", 1),
        (partial(command, "evt_1", by="\udcff"), "cannot be read", 1),
    ],
    ids=[
        "no condition",
        "no since",
        "empty span",
        "outcome of dead",
        "nothing",
        "not confirmed",
        "no moment",
        "the year 1",
        "the year 9999",
        "future",
        "id of odd bytes",
        "type of odd bytes",
        "account with NUL",
        "name of odd bytes",
    ],
)
def test_command_refuses(
    call: Callable[[], str], words: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    events(1)

    with pytest.raises(CommandError, match=words) as refused:
        call()

    assert refused.value.returncode == status
    assert not waiting()


def test_ops_replay_all_that_match_the_filters_after_being_asked(olgas_browser: Client, olga: User) -> None:
    events(45), events(2, type="x.other", state="done", outcome="ignored")
    address = f"{reverse(LIST)}?state__exact=dead"

    asked = olgas_browser.post(address, YES)
    assert "45 of the 45 events" in asked.content.decode()
    assert not waiting()
    answer = olgas_browser.post(address, {**YES, "confirmed": "yes"}, follow=True)

    assert "45 of 45 will be processed again." in answer.content.decode()
    assert len(waiting()) == 45
    (written,) = EventReplay.objects.all()
    assert (written.by, written.events) == (str(olga), 45)
    assert written.chosen == {"filters": {"state__exact": ["dead"]}}


@pytest.mark.parametrize("across", ["on", "2", "true", "x"])
def test_all_that_match_are_never_replayed_without_being_asked(olgas_browser: Client, across: str) -> None:
    events(3)

    answer = olgas_browser.post(reverse(LIST), {**YES, "select_across": across})

    assert answer.status_code == 400
    assert not waiting()


def test_ops_read_who_replayed_what(olgas_browser: Client) -> None:
    EventReplay.objects.create(by="olga@example.com", events=7, chosen={"ids": ["evt_1", "evt_2"]})

    page = olgas_browser.get(reverse("admin:webhooks_eventreplay_changelist")).content.decode()

    assert "olga@example.com" in page
    assert "ids: evt_1, evt_2" in page
