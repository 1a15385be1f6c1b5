"""Events that are processed while somebody else does something with the same rows."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from stripe_keys import reports
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.webhooks.arrivals import Arrivals
from tests.webhooks.deliveries import a_notification, deliver, deliver_event
from webhooks import processing, pruning, replays, tasks
from webhooks.models import EventNotification
from work import engine

UPDATED = "v2.iam.api_key.updated"


def test_bundle_locks_keys_as_a_takeover_does(
    key: RestrictedKey,
    theirs: StripeKey,
    at_stripe: AtStripe,
    arrivals: Arrivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    young = RestrictedKey.objects.get(pk=key.pk)
    young.pk = RestrictedKey().pk
    young._state.adding = True
    young.status, young.stripe_key_id, young.created_at = "pending", "mk_YoungYoungYoung", timezone.now()
    young.fingerprint = b"y" * 32
    young.save(force_insert=True)
    arrivals.all_of(theirs.account)
    wanted = [
        {"type": UPDATED, "account": theirs.account, "data": {"api_key": each}}
        for each in (theirs.id, young.stripe_key_id)
    ]
    for each in at_stripe.admin.emit_many(wanted):
        deliver(each["body"].encode())
    locked: list[object] = []
    real = reports.key_changed

    def key_changed(**told: object) -> int:
        """In the middle of the first report: may somebody else take the younger key?"""
        if not locked:
            other = threading.Thread(target=take, args=[young, locked])
            other.start()
            other.join()
        return real(**told)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "key_changed", key_changed)
    [head] = engine.claim(tasks.EVENTS)
    processing.process(head)

    assert locked == [False], "whoever holds the elder waits for no younger one"


def take(key: RestrictedKey, locked: list[object]) -> None:
    """Note whether the key could be locked at once."""
    try:
        with transaction.atomic():
            rows = RestrictedKey.objects.select_for_update(skip_locked=True, of=("self",))
            locked.append(rows.filter(pk=key.pk).exists())
    finally:
        connection.close()


def test_event_that_is_replayed_while_it_is_pruned_is_processed(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = a_notification()
    deliver_event(told)
    long_ago = timezone.now() - timedelta(days=500)
    events = EventNotification.objects.filter(event_id=told["id"])
    events.update(created_at=long_ago, state="dead", finished_at=long_ago)
    real = transaction.atomic

    def between(*args: object, **more: object) -> object:
        """Somebody replays the event after it was chosen."""
        monkeypatch.undo()
        assert replays.replay(events, by="ada", chosen={}) == 1
        return real(*args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(transaction, "atomic", between)
    pruning.prune(now=timezone.now())

    assert [event.state for event in events] == ["waiting"]
