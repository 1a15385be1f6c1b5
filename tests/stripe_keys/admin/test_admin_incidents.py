"""What ops see of trouble at Stripe, and what they can do about it; each asked for on purpose and written down."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.second_factors import set_up_totp
from accounts.services import ensure_user, make_staff
from stripe_keys import sweeps
from stripe_keys.admin import incidents
from stripe_keys.models import AccountPace, StripeIncident, Validation
from tests import people
from tests.stripe_keys.rows import a_check, a_key

pytestmark = pytest.mark.django_db
INCIDENTS = "admin:stripe_keys_stripeincident_changelist"
PACES = "admin:stripe_keys_accountpace_changelist"


@pytest.fixture
def brake() -> StripeIncident:
    """The brake, on."""
    return StripeIncident.objects.create(kind="refusals", evidence="3 of 40 accounts are refused")


@pytest.fixture
def breaker(ada: User) -> AccountPace:
    """The breaker of Ada's account, open."""
    until = timezone.now() + timedelta(minutes=5)
    return AccountPace.objects.create(
        merchant=people.merchant_of(ada), livemode=False, troubles=5, closed_until=until
    )


def act(browser: Client, page: str, name: str, row: Any, **more: str) -> str:
    """Choose an action for one row, as the list's form does; the text of where that leads."""
    answer = browser.post(
        reverse(page), {"action": name, "_selected_action": str(row.pk), **more}, follow=True
    )
    assert answer.status_code == 200
    return str(answer.content.decode())


def offered(browser: Client, row: Any) -> list[str]:
    """The buttons on the row's own page."""
    address = reverse(f"admin:stripe_keys_{row._meta.model_name}_change", args=[row.pk])
    return [name for name, _ in browser.get(address).context["page_actions"]]


def test_the_list_tells_what_was_concluded_from_what_and_who_ended_it(
    olgas_browser: Client, brake: StripeIncident
) -> None:
    StripeIncident.objects.create(
        kind="outage", evidence="6 of 7", ended_at=timezone.now(), ended_by="the site"
    )

    page = olgas_browser.get(reverse(INCIDENTS)).content.decode()
    of_open_ones = olgas_browser.get(reverse(INCIDENTS), {"standing": "open"}).content.decode()

    for words in ("3 of 40 accounts are refused", "6 of 7", "the site", "Stripe refuses many keys at once"):
        assert words in page
    assert "6 of 7" not in of_open_ones


def test_the_page_that_asks_says_how_long_it_takes_until_refused_keys_are_done() -> None:
    a_minute = 60 // sweeps.PLANNED_EVERY_SECONDS * sweeps.keys_per_sweep()

    assert "a quarter of an hour" in incidents._how_long(5)
    assert "about 75 minutes" in incidents._how_long(60 * a_minute)


def test_ending_the_brake_asks_first(olgas_browser: Client, brake: StripeIncident, ada: User) -> None:
    a_key(ada, first_refused_at=timezone.now())

    page = act(olgas_browser, INCIDENTS, "end_the_brake", brake)

    assert "Do this only if Stripe has told you that the keys are really gone." in page
    assert "Keys refused at the moment: 1. That takes up to a quarter of an hour." in page
    brake.refresh_from_db()
    assert brake.ended_at is None


def test_ending_the_brake_is_written_down(olgas_browser: Client, brake: StripeIncident, olga: User) -> None:
    page = act(olgas_browser, INCIDENTS, "end_the_brake", brake, confirmed="yes")

    assert "1 of 1 ended; refused keys end at their next check." in page
    brake.refresh_from_db()
    assert (brake.ended_by, brake.ended_at is not None) == (olga.email, True)
    assert LogEntry.objects.get(user=olga).object_id == str(brake.pk)


def test_only_an_open_brake_can_be_ended(olgas_browser: Client, brake: StripeIncident) -> None:
    outage = StripeIncident.objects.create(kind="outage", evidence="6 of 7")
    over = StripeIncident.objects.create(kind="refusals", evidence="old", ended_at=timezone.now())

    assert [offered(olgas_browser, row) for row in (brake, outage, over)] == [["end_the_brake"], [], []]
    for row in (outage, over):
        page = act(olgas_browser, INCIDENTS, "end_the_brake", row, confirmed="yes")
        assert "0 of 1 ended" in page
    outage.refresh_from_db()
    assert outage.ended_at is None


def test_the_list_of_paces_finds_open_breakers_and_slow_accounts(
    olgas_browser: Client, breaker: AccountPace, eve: User
) -> None:
    AccountPace.objects.create(
        merchant=people.merchant_of(eve), livemode=True, slow_until=timezone.now() + timedelta(minutes=5)
    )

    shown = {
        trouble: [
            name
            for name in ("Ada&#x27;s Lamps", "Eve&#x27;s Ropes")
            if name in olgas_browser.get(reverse(PACES), {"trouble": trouble}).content.decode()
        ]
        for trouble in ("any", "breaker", "slow")
    }

    assert shown["any"] == [*shown["breaker"], *shown["slow"]] == ["Ada&#x27;s Lamps", "Eve&#x27;s Ropes"]


def test_closing_a_breaker_has_the_account_asked_at_once(
    olgas_browser: Client, breaker: AccountPace, ada: User
) -> None:
    check = a_check(a_key(ada), {}, state=Validation.State.WAITING, due_in=timedelta(minutes=5))
    Validation.objects.filter(pk=check.pk).update(problem="BreakerOpen")
    assert offered(olgas_browser, breaker) == ["close_the_breaker"]

    page = act(olgas_browser, PACES, "close_the_breaker", breaker)

    assert "1 of 1 may be asked about again." in page
    breaker.refresh_from_db()
    check.refresh_from_db()
    assert (breaker.troubles, breaker.closed_until) == (0, None)
    assert check.due_at <= timezone.now()
    assert offered(olgas_browser, breaker) == []
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_can_end_nothing(brake: StripeIncident, breaker: AccountPace) -> None:
    looker = ensure_user(email="looker@example.com", password=people.PASSWORD)
    make_staff(user=looker, superuser=False)
    looker.groups.clear()
    set_up_totp(user=looker, secret=people.TOTP_SECRET)
    may_look = Permission.objects.filter(codename__in=["view_stripeincident", "view_accountpace"])
    looker.user_permissions.set(may_look)
    browser = people.a_client_of(looker, second_factor=True)

    act(browser, INCIDENTS, "end_the_brake", brake, confirmed="yes")
    act(browser, PACES, "close_the_breaker", breaker)

    assert offered(browser, brake) == offered(browser, breaker) == []
    assert StripeIncident.objects.get().ended_at is None
    assert AccountPace.objects.get().troubles == 5
