"""What merchants read while Stripe does not answer, and after."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys import incidents, pace
from stripe_keys.endings import written
from stripe_keys.models import AccountPace, StripeIncident, Validation
from tests.stripe_keys.fleet import pass_time
from tests.stripe_keys.keys import AtStripe
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key, page_of, status_of
from work import engine

pytestmark = pytest.mark.django_db
DOWN = "Stripe does not answer at the moment"
ALONE = "Stripe did not answer our last questions about this key"


def stripe_goes_down() -> None:
    incidents.begin(StripeIncident.Kind.OUTAGE, "6 of 6")


def breaker_opens(user: User, for_: timedelta) -> None:
    AccountPace.objects.create(
        merchant=user.membership.merchant, livemode=False, troubles=5, closed_until=timezone.now() + for_
    )


def list_of(browser: Client) -> str:
    return browser.get(reverse("stripe_keys:key_list")).content.decode()


def test_while_stripe_is_down_the_pages_say_that_nothing_is_wrong_with_the_key(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, last_problem="timed_out")
    a_check(key, ALL_GRANTED)
    assert DOWN not in page_of(adas_browser, key) + list_of(adas_browser)

    stripe_goes_down()
    page = page_of(adas_browser, key)

    assert page.count(DOWN) == 1
    assert "Nothing is wrong with your key: it keeps its status" in page
    assert "Stripe took too long to answer" not in page, "which would only repeat it"
    assert "Nothing is wrong with your keys" in list_of(adas_browser)


def test_a_key_pasted_meanwhile_is_said_to_be_stored(adas_browser: Client, ada: User) -> None:
    stripe_goes_down()
    key = a_key(ada, "pending")
    check = a_check(key, {}, state=Validation.State.WAITING)

    for due_in in (timedelta(seconds=-1), timedelta(minutes=4)):  # its turn; put off
        Validation.objects.filter(pk=check.pk).update(due_at=timezone.now() + due_in)
        page = page_of(adas_browser, key)
        assert "Your key is stored, encrypted, and is checked as soon as Stripe answers again." in page
        assert "The key is stored, encrypted, and not in use until it is proven." in page
        assert "We are asking Stripe" not in page
        assert "hx-trigger" in page, "the page finds out by itself when that is"


def test_an_open_page_learns_when_the_weather_changes(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "pending")
    check = a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(minutes=1))
    seen = status_of(adas_browser, key).context["portrait"].version
    assert status_of(adas_browser, key, seen).status_code == 204

    stripe_goes_down()

    assert DOWN in status_of(adas_browser, key, seen).content.decode()
    assert check.due_at > timezone.now()


@pytest.mark.parametrize("status", ["expired", "removed", "rejected"])
def test_a_key_that_has_ended_is_not_waited_for(adas_browser: Client, ada: User, status: str) -> None:
    key = a_key(ada, status)
    stripe_goes_down()
    breaker_opens(ada, timedelta(minutes=5))

    page = page_of(adas_browser, key)

    assert DOWN not in page
    assert ALONE not in page


def test_an_account_that_is_left_alone_is_told_when_the_next_try_is(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, last_problem="rate_limited")
    breaker_opens(ada, timedelta(minutes=5))
    check = a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(minutes=6))

    page = page_of(adas_browser, key)

    assert ALONE in page
    assert f"The next try is on {written(check.due_at)}." in page
    assert "Stripe asked us to slow down" not in page


def test_a_pause_of_seconds_is_not_called_minutes(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, last_problem="stripe_error")
    breaker_opens(ada, timedelta(seconds=30))
    a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(seconds=34))

    page = page_of(adas_browser, key)

    assert "The next try comes soon." in page
    assert "minutes" not in page.split(ALONE)[1].split("</div>")[0]


def test_the_page_says_the_same_between_tries_and_while_one_is_under_way(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, last_problem="stripe_error")
    breaker_opens(ada, timedelta(seconds=30))
    check = a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(seconds=34))
    seen = []
    for ahead in (30, -1):  # the pause; its end
        AccountPace.objects.update(closed_until=timezone.now() + timedelta(seconds=ahead))
        Validation.objects.filter(pk=check.pk).update(due_at=timezone.now() + timedelta(seconds=ahead))
        seen.append([notice.title for notice in status_of(adas_browser, key).context["portrait"].notices])

    assert seen == [[ALONE], [ALONE]]


def test_check_now_while_the_breaker_is_open_asks_once_and_then_says_when_the_next_try_is(
    at_stripe: AtStripe, adas_browser: Client, ada: User
) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = proven(ada, stripe_key)
    for _ in range(8):
        pace.note_trouble(key, timezone.now())
    pass_time(hours=1)
    at_stripe.admin.add_fault("error", key=stripe_key.id, path="/v1/account$", status=503, times=None)

    adas_browser.post(reverse("stripe_keys:check_key", args=[key.pk]))
    engine.drain("validations")
    page = page_of(adas_browser, key)

    assert len(at_stripe.admin.requests(key=stripe_key.id, status="503")) == 1
    assert ALONE in page
    until = pace.closed_until(key, timezone.now())
    assert until is not None
    assert f"The next try is on {written(until)}." in page


def test_the_next_check_is_said_to_be_when_it_really_is(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, next_check_at=timezone.now() - timedelta(minutes=1))
    check = a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(minutes=4))

    drawn = status_of(adas_browser, key).context["portrait"]

    assert drawn.key.next_check_at == check.due_at
