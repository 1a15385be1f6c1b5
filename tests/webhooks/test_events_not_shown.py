"""Events about keys whose details Stripe shows in another context, later, or not at all."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import StripeKey
from tests.webhooks.arrivals import Arrivals, after_checks, make_due
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks.models import EventNotification
from work import engine

Status = RestrictedKey.Status
IAM = "v2.iam.api_key."


def test_event_in_an_organisations_context_is_the_last_accounts(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.emit(
        IAM + "updated",
        account=theirs.account,
        context=f"acct_1PlatformTests00/{theirs.account}",
        data={"api_key": theirs.id},
    )

    event = arrivals.of(IAM + "updated", theirs.account)

    assert event.context == f"acct_1PlatformTests00/{theirs.account}"
    assert event.outcome == "applied"


def test_event_that_stripe_will_not_show_has_every_key_of_the_account_looked_at(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    told = a_notification(type=IAM + "expired", context=theirs.account)
    deliver_event(told)

    engine.drain("events")

    event = EventNotification.objects.get(event_id=told["id"])
    assert (event.outcome, event.outcome_note) == ("applied", "not_at_stripe")
    assert key.validations.filter(state="waiting", reason="event").exists()


@pytest.mark.parametrize(
    ("fault", "note"), [(None, "not_at_stripe"), ("unauthorized", "not_fetched")], ids=["404", "401"]
)
@pytest.mark.parametrize("kind", ["rotated", "updated"])
def test_event_that_stripe_does_not_show_is_not_said_to_be_stripes_word(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, *, fault: str | None, note: str, kind: str
) -> None:
    arrivals.all_of(theirs.account)
    before = key.status_changes.count()
    if fault:
        arrivals.admin.add_fault(fault, path="/v2/core/events", times=None)
    related = {"id": theirs.id, "type": "v2.iam.api_key", "url": f"/v2/iam/api_keys/{theirs.id}"}
    told = a_notification(type=IAM + kind, context=theirs.account, related_object=related)
    deliver_event(told)

    engine.drain("events")

    event = EventNotification.objects.get(event_id=told["id"])
    key.refresh_from_db()
    assert event.outcome_note == note
    assert (key.rotated_at, key.status_changes.count(), Notice.objects.count()) == (None, before, 0)
    assert key.validations.filter(state="waiting", reason="event").exists()
    assert arrivals.admin.requests(path=f"/v2/iam/api_keys/{theirs.id}") == [], "its facts are not asked for"


def test_without_the_apps_own_key_every_key_of_the_account_is_looked_at(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, settings: Settings
) -> None:
    settings.STRIPE_PLATFORM_KEY_TEST = ""
    arrivals.admin.expire_key(theirs.id, lag=0)

    event = arrivals.of(IAM + "expired", theirs.account)

    assert (event.outcome, event.outcome_note) == ("applied", "not_fetched")
    assert after_checks(key).status == Status.EXPIRED


def test_related_object_names_the_key_where_the_event_cannot_be_fetched(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, settings: Settings
) -> None:
    settings.STRIPE_PLATFORM_KEY_TEST = ""
    arrivals.admin.switch(related_object=True)
    arrivals.admin.rotate_key(theirs.id, overlap=3_600)

    event = arrivals.of(IAM + "rotated", theirs.account)

    assert event.stripe_key_id == theirs.id
    key.refresh_from_db()
    assert not key.is_expiring, "nobody but the notification says so"
    assert key.validations.filter(state="waiting", reason="event").exists()
    assert not Notice.objects.exists()


def test_event_waits_while_stripe_does_not_answer(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.all_of(theirs.account)
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)
    arrivals.admin.expire_key(theirs.id, lag=0)

    waiting = arrivals.of(IAM + "expired", theirs.account)
    assert (waiting.state, waiting.problem, waiting.attempts) == ("waiting", "StripeUnavailable", 0)
    assert waiting.due_at > timezone.now()

    arrivals.admin.clear_faults()
    make_due(waiting)
    engine.drain("events")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.outcome) == ("done", "applied")
    assert after_checks(key).status == Status.EXPIRED


def test_event_that_stripe_has_not_shown_for_days_is_given_up_and_the_keys_looked_at(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.all_of(theirs.account)
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)
    told = a_notification(context=theirs.account)
    deliver_event(told)
    EventNotification.objects.update(silent_since=timezone.now() - timedelta(days=4))

    engine.drain("events")

    event = EventNotification.objects.get(event_id=told["id"])
    assert (event.state, event.problem) == ("dead", "StripeUnavailable")
    assert key.validations.filter(state="waiting", reason="event").exists()
