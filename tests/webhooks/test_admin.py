"""Events in the ops desk: what ops see of one, how they find it, and how it is processed again."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db
LIST = "admin:webhooks_eventnotification_changelist"


@pytest.fixture
def event() -> EventNotification:
    """An event that was processed and found to be nothing of ours."""
    deliver_event(a_notification(reason={"note": "<b>&"}))
    EventNotification.objects.update(
        state="done", outcome="unmatched", outcome_note="unknown_account", attempts=3
    )
    return EventNotification.objects.get()


def page_of(event: EventNotification) -> str:
    return reverse("admin:webhooks_eventnotification_change", args=[event.pk])


def found(browser: Client, **query: str) -> int:
    answer = browser.get(reverse(LIST), query)
    assert answer.status_code == 200
    return len(answer.context["cl"].result_list)


def test_page_promises_no_exact_number_of_other_contents(
    olgas_browser: Client, event: EventNotification
) -> None:
    assert ">none<" in olgas_browser.get(page_of(event)).content.decode()

    EventNotification.objects.update(other_bodies=7)

    assert "at least 7" in olgas_browser.get(page_of(event)).content.decode()


def test_list_tells_the_outcome_right_after_the_moment(
    olgas_browser: Client, event: EventNotification
) -> None:
    page = olgas_browser.get(reverse(LIST)).content.decode()

    assert page.index("column-arrived") < page.index("column-became") < page.index("column-type")


def test_page_shows_outcome_secret_and_the_body_escaped(
    olgas_browser: Client, event: EventNotification
) -> None:
    page = olgas_browser.get(page_of(event)).content.decode()

    assert "Nothing of ours" in page
    assert "unknown_account" in page
    assert "events" in page
    assert "<pre>{\n  &quot;id&quot;:" in page
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page


def test_body_that_does_not_read_is_shown_as_it_is(olgas_browser: Client, event: EventNotification) -> None:
    EventNotification.objects.update(body="not <i>JSON</i>")

    assert "not &lt;i&gt;JSON" in olgas_browser.get(page_of(event)).content.decode()


@pytest.mark.parametrize("state", ["done", "dead"])
def test_event_is_processed_again_and_who_wanted_it_is_written_down(
    olgas_browser: Client, olga: User, event: EventNotification, state: str
) -> None:
    EventNotification.objects.update(state=state)

    answer = olgas_browser.post(
        reverse(LIST), {"action": "process_again", "_selected_action": str(event.pk)}, follow=True
    )

    assert "1 of 1 will be processed again." in answer.content.decode()
    event.refresh_from_db()
    assert (event.state, event.attempts, event.outcome, event.finished_at) == ("waiting", 0, "", None)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (
        olga,
        str(event.pk),
        "Had it processed again.",
    )


def test_event_that_waits_or_is_worked_on_is_left_alone(
    olgas_browser: Client, event: EventNotification
) -> None:
    EventNotification.objects.update(state="waiting", attempts=2)

    olgas_browser.post(reverse(LIST), {"action": "process_again", "_selected_action": str(event.pk)})

    event.refresh_from_db()
    assert event.attempts == 2


def test_events_are_found_by_whole_ids(olgas_browser: Client, event: EventNotification) -> None:
    EventNotification.objects.update(stripe_key_id="mk_1OldKey000")

    for text in (event.event_id, event.stripe_account_id, "mk_1OldKey000"):
        assert found(olgas_browser, q=text) == 1
    assert found(olgas_browser, q="mk_1Other") == 0


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"event_type": "v2.iam.api_key.updated"}, 1),
        ({"event_type": "v2.iam.api_key.rotated"}, 0),
        ({"event_type": "others"}, 0),
        ({"secret": "events"}, 1),
        ({"secret": "others"}, 0),
        ({"other_body": "yes"}, 0),
        ({"outcome": "unmatched"}, 1),
        ({"outcome": "applied"}, 0),
    ],
)
def test_events_are_filtered(
    olgas_browser: Client, event: EventNotification, query: dict[str, str], count: int
) -> None:
    assert found(olgas_browser, **query) == count


def test_events_that_came_with_a_secret_no_longer_configured_are_seen(
    olgas_browser: Client, event: EventNotification
) -> None:
    EventNotification.objects.update(secret_name="retired", other_bodies=1)

    assert found(olgas_browser, secret="others") == 1
    assert found(olgas_browser, other_body="yes") == 1
