"""What goes wrong in a search: accounts that Stripe refuses, no answers, and workers that are killed in the middle."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.people import a_restricted_key
from tests.stripe_keys.keys import AtStripe
from tests.webhooks.searches import (
    an_account,
    asked_about,
    begin,
    cursor_of,
    happen,
    here,
    search,
    work_on,
)
from webhooks import reconciling
from webhooks.models import AccountCursor, Reconciliation
from webhooks.reconciling import events, turns
from work import engine


@pytest.fixture(autouse=True)
def no_hurry(settings: Settings, at_stripe: AtStripe) -> None:
    """As fast as Stripe answers; nothing in the tests is old enough for a hole."""
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6


def test_refused_account_is_named_and_the_others_are_searched(ada: User, at_stripe: AtStripe) -> None:
    refused, open_ = an_account(ada, at_stripe), an_account(ada, at_stripe)
    [install] = [each for each in at_stripe.admin.installs() if each["account"] == refused]
    at_stripe.admin.uninstall(install["id"], after=0)
    event = happen(at_stripe, open_)

    run = search()

    assert (run.accounts_done, run.accounts_failed) == (1, 1)
    assert cursor_of(refused).problem == "refused_403"
    assert here() == {event}


def test_cursor_stays_when_a_list_was_not_read_to_its_end(ada: User, at_stripe: AtStripe) -> None:
    hangs, fine = an_account(ada, at_stripe), an_account(ada, at_stripe)
    lost = happen(at_stripe, hangs, age=7200)
    AccountCursor.objects.all().delete()
    search(phases=("installs",))
    AccountCursor.objects.update(listed_until=timezone.now() - timedelta(days=1))
    before = cursor_of(hangs).listed_until
    at_stripe.admin.add_fault("error", path="/v2/core/events", account=hangs, status=500, times=None)

    run = search()
    Reconciliation.objects.update(due_at=Now())
    run = work_on(run)

    assert (run.accounts_done, run.accounts_failed) == (1, 1)
    assert (cursor_of(hangs).problem, cursor_of(hangs).listed_until) == ("no_answer", before)
    assert cursor_of(fine).problem == ""
    at_stripe.admin.clear_faults()
    search()
    assert here() == {lost}
    assert cursor_of(hangs).problem == ""


def test_search_waits_while_stripe_does_not_answer(ada: User, at_stripe: AtStripe) -> None:
    for _ in range(3):
        happen(at_stripe, an_account(ada, at_stripe))
    at_stripe.admin.add_fault("error", path="/v2/core/events", status=503, times=None)

    run = search()

    assert (run.state, run.problem) == ("waiting", "StripeUnavailable")
    assert run.due_at > timezone.now()
    at_stripe.admin.clear_faults()
    Reconciliation.objects.update(due_at=Now())
    assert work_on(run).state == "done"
    assert run.events_missed == 3


def test_search_ends_when_stripe_does_not_answer_for_long(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_SILENT", 1)
    for _ in range(3):
        an_account(ada, at_stripe)
    at_stripe.admin.add_fault("error", path="/v2/core/events", status=503, times=None)

    run = search()

    assert (run.state, run.problem) == ("dead", "StripeUnavailable")


def test_own_dead_key_ends_the_search_of_its_mode(
    ada: User, at_stripe: AtStripe, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_WIDEST", 1)
    accounts = [an_account(ada, at_stripe) for _ in range(3)]
    settings.STRIPE_PLATFORM_KEY_TEST = a_restricted_key()

    run = search()

    assert run.progress["notes"]["events"] == "own_key_refused"
    assert run.accounts_failed == 1
    assert sorted(cursor_of(each).problem for each in accounts) == ["", "", "refused_401"]


def test_without_a_key_of_the_app_the_phase_says_so(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    an_account(ada, at_stripe)
    settings.STRIPE_PLATFORM_KEY_TEST = settings.STRIPE_PLATFORM_KEY_LIVE = ""

    run = search()

    assert (run.state, run.accounts_done) == ("done", 0)
    assert run.progress["notes"]["events"] == run.progress["notes"]["installs"] == "not_configured"


class Killed(BaseException):
    """What a process does not survive."""


def test_run_goes_on_at_the_same_account_after_its_worker_was_killed(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_WIDEST", 1)
    lost = {account: happen(at_stripe, account) for account in [an_account(ada, at_stripe) for _ in range(3)]}
    run, saves = begin(), []

    def kill(row: Reconciliation) -> None:
        saves.append(row.accounts_done)
        if row.accounts_done == 2:
            raise Killed

    with reconciling.following(kill), pytest.raises(Killed):
        engine.drain("reconciliations", Reconciliation.LANE)
    assert work_on(run).state == "claimed"
    Reconciliation.objects.update(lease_until=Now())

    assert work_on(run).state == "done"
    assert (run.accounts_done, run.events_missed) == (3, 3)
    assert here() == set(lost.values())
    assert [asked_about(at_stripe, account) for account in lost] == [1, 1, 1]


def test_run_goes_on_at_the_same_page_in_its_next_turn(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0)
    account = an_account(ada, at_stripe)
    for _ in range(101):
        happen(at_stripe, account)

    run = search()

    assert (run.state, run.events_missed) == ("done", 101)
    assert run.fence > 2
    assert run.attempts <= 1
    assert asked_about(at_stripe, account) == 2


def test_two_searches_are_made_one_after_the_other(ada: User, at_stripe: AtStripe) -> None:
    an_account(ada, at_stripe)
    first, second = begin(), begin()

    claimed: list[Reconciliation] = engine.claim("reconciliations")

    assert claimed == [first]
    assert engine.claim("reconciliations") == []
    Reconciliation.objects.filter(pk=first.pk).update(lease_until=Now())
    assert work_on(second).state == "done"
