"""What Stripe did not deliver is found in its list: each account's, up to its end, once, whoever is interrupted."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key
from tests.stripe_keys.keys import AtStripe, checked, paste
from tests.webhooks.arrivals import after_checks
from tests.webhooks.searches import (
    UPDATED,
    an_account,
    asked_about,
    cursor_of,
    happen,
    here,
    search,
)
from webhooks import reconciling
from webhooks.models import AccountCursor, EventNotification, Reconciliation
from webhooks.reconciling import runs
from work import engine


@pytest.fixture(autouse=True)
def no_hurry(settings: Settings, at_stripe: AtStripe) -> None:
    """As fast as Stripe answers; nothing in the tests is old enough for a hole."""
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6


def test_lost_event_is_found_and_acted_on(ada: User, at_stripe: AtStripe) -> None:
    theirs = at_stripe.bound_key(ada)
    key = checked(paste(ada, theirs.token))
    fewer = [name for name in at_stripe.admin.key(theirs.id)["permissions"] if name != "customer_read"]
    at_stripe.admin.change_key(theirs.id, permissions=fewer)

    run = search()

    assert (run.state, run.phase, run.accounts_done, run.accounts_failed) == ("done", "finished", 1, 0)
    event = EventNotification.objects.get(type="v2.iam.api_key.permissions_updated")
    assert (event.source, event.secret_name, event.stripe_account_id) == ("listed", "", theirs.account)
    assert event.livemode is False
    engine.drain("events")
    assert after_checks(key).status == RestrictedKey.Status.LIMITED


def test_what_is_here_is_not_stored_again_and_only_the_gap_is_asked_for(
    ada: User, at_stripe: AtStripe
) -> None:
    account = an_account(ada, at_stripe)
    old, new = happen(at_stripe, account, age=3 * 86400), happen(at_stripe, account)

    first, second = search(), search()

    assert here() == {old, new}
    assert (first.events_listed, first.events_missed) == (2, 2)
    assert (second.events_listed, second.events_missed) == (0, 0)
    listed_until = cursor_of(account).listed_until
    assert listed_until is not None
    assert timezone.now() - listed_until < timedelta(minutes=1)


def test_event_whose_delivery_may_be_on_its_way_is_kept_and_not_called_missed(
    ada: User, at_stripe: AtStripe
) -> None:
    event = happen(at_stripe, an_account(ada, at_stripe), age=1)

    run = search()

    assert here() == {event}
    assert (run.events_missed, run.progress["events_early"]) == (0, 1)


def test_ops_are_told_once_a_day_that_deliveries_are_being_lost(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    for _ in range(2):
        for _ in range(runs.MANY_MISSED + 1):
            happen(at_stripe, account, age=1800)
        assert search().events_missed == runs.MANY_MISSED + 1

    notice = Notice.objects.get(dedupe_key__startswith="events-missed:")
    assert "6 events that never reached" in notice.body


def test_body_keeps_what_is_known_of_events_and_nothing_else(ada: User, at_stripe: AtStripe) -> None:
    token = a_restricted_key()
    happen(at_stripe, an_account(ada, at_stripe), data={"api_key": token, "token": token})

    search()

    body = EventNotification.objects.get().body
    assert token not in body
    assert '"data"' not in body
    assert UPDATED in body


def test_other_types_are_neither_asked_for_nor_stored(ada: User, at_stripe: AtStripe) -> None:
    happen(at_stripe, an_account(ada, at_stripe), kind="v2.custom.thing")

    assert search().events_listed == 0
    assert not here()


def test_every_page_is_read(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    an_hour_ago = timezone.now().timestamp() - 3600
    at_stripe.admin.emit_many([{"type": UPDATED, "account": account, "created": an_hour_ago}] * 101)

    assert search().events_missed == 101
    assert asked_about(at_stripe, account) == 2


def test_limited_search_comes_to_everybody_in_the_end(ada: User, at_stripe: AtStripe) -> None:
    accounts = [an_account(ada, at_stripe) for _ in range(3)]

    for _ in range(3):
        assert search(limit=1).accounts_done == 1

    assert [asked_about(at_stripe, account) for account in accounts] == [1, 1, 1]


def test_search_of_the_last_hour_does_not_pretend_to_have_searched_the_day(
    ada: User, at_stripe: AtStripe
) -> None:
    account = an_account(ada, at_stripe)
    search()
    yesterday = timezone.now() - timedelta(days=1)
    AccountCursor.objects.update(listed_until=yesterday)

    search(since=timezone.now() - timedelta(hours=1))

    assert cursor_of(account).listed_until == yesterday


def test_dry_run_stores_nothing(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    happen(at_stripe, account)

    run = search(dry_run=True)

    assert (run.events_listed, run.events_missed) == (1, 1)
    assert not here()
    assert search().events_missed == 1


def test_accounts_that_nobody_knows_any_more_lose_their_cursors(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    AccountCursor.objects.create(stripe_account_id="acct_1NobodysAccount0", livemode=False)

    search()

    assert [cursor.stripe_account_id for cursor in AccountCursor.objects.all()] == [account]


def test_regular_run_is_begun_once_and_old_ones_are_forgotten(ada: User, at_stripe: AtStripe) -> None:
    ago = timezone.now() - runs.KEPT_FOR - timedelta(days=1)
    for _ in range(2):
        search()
    Reconciliation.objects.update(created_at=ago, finished_at=ago)

    reconciling.begin_regular_run()
    reconciling.begin_regular_run()

    assert list(Reconciliation.objects.order_by("pk").values_list("state", flat=True)) == ["done", "waiting"]


def test_regular_run_begins_a_quarter_of_an_hour_after_the_last(ada: User, at_stripe: AtStripe) -> None:
    search()
    for minutes, runs_by_then in ((13, 1), (15, 2)):
        Reconciliation.objects.update(created_at=timezone.now() - timedelta(minutes=minutes))

        reconciling.begin_regular_run()

        assert Reconciliation.objects.count() == runs_by_then
