"""The searches in the ops desk: how far they are, which accounts have problems, and one to be begun at once."""

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys.models import OutgoingMessage
from tests import people
from webhooks import reconciling
from webhooks.models import AccountCursor, EventReplay, Reconciliation

pytestmark = pytest.mark.django_db
LIST, NOW = "admin:webhooks_reconciliation_changelist", "admin:reconcile_now"
CURSORS = "admin:webhooks_accountcursor_changelist"


@pytest.fixture
def run() -> Reconciliation:
    """A search under way."""
    run = reconciling.begin(
        options=reconciling.Options(limit=9, dry_run=True), asked_for_by="manage.py reconcile"
    )
    Reconciliation.objects.filter(pk=run.pk).update(
        accounts_total=40,
        accounts_done=11,
        accounts_failed=2,
        progress={**run.progress, "notes": {"installs_live": "too_many_gone"}, "events_early": 5},
    )
    return run


def test_page_says_how_far_a_search_is(olgas_browser: Client, run: Reconciliation) -> None:
    listed = olgas_browser.get(reverse(LIST)).content.decode()
    page = olgas_browser.get(reverse("admin:webhooks_reconciliation_change", args=[run.pk])).content.decode()

    for text in (listed, page):
        assert "13 of 40" in text
        assert "manage.py reconcile" in text
    assert "events, installs, keys, dry run, 9 accounts" in page
    assert "installs live: too many gone" in page


def test_ops_begin_a_search_once_and_it_is_written_down(olgas_browser: Client, olga: User) -> None:
    for _ in range(2):
        answer = olgas_browser.post(reverse(NOW), follow=True)
        assert answer.status_code == 200

    run = Reconciliation.objects.get()
    assert (run.asked_for_by, run.state) == (olga.email, "waiting")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (olga, str(run.pk))


def test_looking_at_the_address_begins_nothing(olgas_browser: Client) -> None:
    assert olgas_browser.get(reverse(NOW)).status_code == 405
    assert not Reconciliation.objects.exists()


def test_staff_who_may_only_look_begin_nothing(run: Reconciliation) -> None:
    walter = people.an_ops_person("walter@example.com")
    walter.is_superuser = False
    walter.save()
    walter.user_permissions.set(Permission.objects.filter(codename="view_reconciliation"))
    browser = people.a_client_of(walter, second_factor=True)

    assert "Search now" not in browser.get(reverse(LIST)).content.decode()
    assert browser.post(reverse(NOW)).status_code == 403
    assert Reconciliation.objects.get() == run


def test_accounts_with_problems_are_found(olgas_browser: Client) -> None:
    now = timezone.now()
    AccountCursor.objects.create(
        stripe_account_id="acct_1Refused", livemode=True, listed_until=now, problem="refused_403"
    )
    AccountCursor.objects.create(stripe_account_id="acct_1Fine", livemode=False, listed_until=now)

    text = olgas_browser.get(reverse(CURSORS), {"problem": "some"}).content.decode()

    assert "acct_1Refused" in text
    assert "refused_403" in text
    assert "acct_1Fine" not in text


@pytest.mark.parametrize(
    ("model", "column"),
    [(AccountCursor, "problem"), (EventReplay, "which"), (OutgoingMessage, "state")],
    ids=["accounts", "replays", "messages"],
)
def test_what_matters_comes_second_where_a_phone_still_shows_it(model: type[Model], column: str) -> None:
    assert list(site.get_model_admin(model).list_display)[1] == column


def test_the_record_of_a_replay_wraps_long_ids(olgas_browser: Client) -> None:
    replay = EventReplay.objects.create(by="olga", chosen={"ids": ["evt_" + "x" * 200]}, events=1)

    page = olgas_browser.get(reverse("admin:webhooks_eventreplay_change", args=[replay.pk])).content.decode()

    assert '<pre class="wrapped">' in page
