"""`manage.py reconcile`: works without a worker, says how it goes and ends clearly, and goes on where it was."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import User
from tests.people import a_restricted_key
from tests.stripe_keys.keys import AtStripe
from tests.webhooks.searches import an_account, asked_about, happen, here, search
from webhooks import reconciling
from webhooks.management.commands import reconcile
from webhooks.models import Reconciliation
from webhooks.reconciling import events


@pytest.fixture(autouse=True)
def no_hurry(settings: Settings, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as Stripe answers, and every line."""
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6
    monkeypatch.setattr(reconcile, "_LINE_SECONDS", 0)
    monkeypatch.setattr(reconcile, "_LOOK_SECONDS", 0.01)


def said(*arguments: str, **options: Any) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("reconcile", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_searches_says_how_far_it_is_and_ends_with_the_counts(ada: User, at_stripe: AtStripe) -> None:
    event = happen(at_stripe, an_account(ada, at_stripe))

    lines = said().splitlines()

    assert here() == {event}
    assert "events: accounts 1/1 events 1 missed 1 installs mended 0 keys to check 0" in lines
    assert lines[-1].startswith(
        "reconcile: state=done dry_run=no accounts=1 failed=0 listed=1 missed=1 early=0"
    )
    assert Reconciliation.objects.get().asked_for_by == "manage.py reconcile"


def test_account_that_could_not_be_looked_at_gives_status_2(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    an_account(ada, at_stripe)
    settings.STRIPE_PLATFORM_KEY_TEST = a_restricted_key()

    with pytest.raises(CommandError) as ended:
        said("--events")

    assert ended.value.returncode == 2


def test_search_that_does_not_come_to_its_end_gives_status_1(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_SILENT", 1)
    for _ in range(3):
        an_account(ada, at_stripe)
    at_stripe.admin.add_fault("error", path="/v2/core/events", status=503, times=None)

    with pytest.raises(CommandError, match="StripeUnavailable") as ended:
        said()

    assert ended.value.returncode == 1


def test_call_after_ctrl_c_goes_on(ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_WIDEST", 1)
    accounts = [an_account(ada, at_stripe) for _ in range(3)]

    def press(_: object, row: Reconciliation) -> None:
        if row.accounts_done == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as pressed:
        pressed.setattr(reconcile.Command, "_tell", press)
        with pytest.raises(CommandError, match="goes on") as ended:
            said("--hours", "3")
    assert ended.value.returncode == 130
    assert Reconciliation.objects.get().state == "waiting"

    text = said("--hours", "3")

    assert text.startswith("Going on with the run of ")
    assert Reconciliation.objects.get().accounts_done == 3
    assert [asked_about(at_stripe, account) for account in accounts] == [1, 1, 1]


def test_other_options_are_another_run(ada: User, at_stripe: AtStripe) -> None:
    options = reconciling.Options(since="3 hours")
    reconciling.begin(options=options, asked_for_by="manage.py reconcile")

    assert "Going on" not in said("--hours", "4")
    assert Reconciliation.objects.filter(state="done").count() == 2


def test_dry_run_says_what_is_missing(ada: User, at_stripe: AtStripe) -> None:
    happen(at_stripe, an_account(ada, at_stripe))

    assert "dry_run=yes accounts=1 failed=0 listed=1 missed=1" in said("--dry-run")
    assert not here()


def test_one_account_and_one_phase(ada: User, at_stripe: AtStripe) -> None:
    chosen, other = an_account(ada, at_stripe), an_account(ada, at_stripe)
    happen(at_stripe, other)
    event = happen(at_stripe, chosen)

    said("--events", "--account", chosen, "--since", "2026-01-01T00:00")

    assert here() == {event}


def test_phases_that_cannot_be_searched_are_named(ada: User, settings: Settings) -> None:
    settings.STRIPE_PLATFORM_KEY_TEST = settings.STRIPE_PLATFORM_KEY_LIVE = ""

    text = said()

    assert "events: not configured" in text
    assert "installs: not configured" in text


def test_run_of_a_worker_is_followed(ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the worker has been killed, and its lease runs out while the command waits."""
    an_account(ada, at_stripe)
    run = reconciling.begin(options=reconciling.Options(), asked_for_by="manage.py reconcile")
    claim = {"state": "claimed", "claimed_by": "worker:1"}
    Reconciliation.objects.update(**claim, lease_until=Now() + timedelta(hours=1))

    def tell(*_: object) -> None:
        Reconciliation.objects.filter(**claim).update(lease_until=Now())

    monkeypatch.setattr(reconcile.Command, "_tell", tell)
    text = said()

    run.refresh_from_db()
    assert "waiting: worker:1" in text
    assert run.state == "done"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--hours", "0"],
        ["--hours", "721"],
        ["--account", "acct_1"],
        ["--account", "../../etc"],
        ["--limit", "0"],
        ["--since", "2026-01-01", "--hours", "3"],
        ["--since", "0001-01-01T00:00+14:00"],
        ["--since", "9999-12-31T23:59:59-14:00"],
        ["--since", "2009-12-31"],
        ["--since", "2099-01-01"],
        ["--account", "acct_1KnownToNobody00"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        said(*arguments)

    assert not Reconciliation.objects.exists()


def test_searching_twice_finds_nothing_new(ada: User, at_stripe: AtStripe) -> None:
    happen(at_stripe, an_account(ada, at_stripe))
    search()

    assert "missed=0" in said()
