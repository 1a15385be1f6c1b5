"""Whose request it is, and who must confirm that it is them."""

from typing import Any

import pytest
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.messages.storage.session import SessionStorage
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import Merchant, User
from accounts.tenancy import merchant_of, recently_authenticated
from tests import people

pytestmark = pytest.mark.django_db

A_KEY = people.a_restricted_key()


@recently_authenticated
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


def request_of(user: User, *, seconds_ago: float, method: str = "GET", **headers: str) -> Any:
    browser = people.a_client_of(user, seconds_ago=seconds_ago)
    request: Any = RequestFactory().generic(
        method,
        "/stripe/paste/test/?from=mail",
        data=f"key={A_KEY}" if method == "POST" else "",
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )
    request.user, request.session, request.htmx = user, browser.session, bool(headers)
    request._messages = SessionStorage(request)
    return request


def test_a_member_works_for_their_merchant(ada: User, ben: User) -> None:
    merchants = [merchant_of(request_of(user, seconds_ago=0)) for user in (ada, ben)]

    assert merchants[0] == merchants[1] == people.merchant_of(ada)


def test_staff_without_a_merchant_get_404(olga: User) -> None:
    with pytest.raises(Http404):
        merchant_of(request_of(olga, seconds_ago=0))


def test_a_closed_merchant_is_not_there_any_more(ada: User, adas_merchant: Merchant) -> None:
    adas_merchant.closed_at = timezone.now()
    adas_merchant.save()

    with pytest.raises(Http404):
        merchant_of(request_of(ada, seconds_ago=0))


def test_eve_sees_only_her_own_merchant(ada: User, eve: User) -> None:
    assert list(Merchant.objects.visible_to(eve)) == [people.merchant_of(eve)]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_signed_in_lately_may_pass(ada: User, method: str) -> None:
    answer = guarded(request_of(ada, seconds_ago=290, method=method))

    assert answer.content == b"inside"


def test_a_page_asked_for_later_leads_to_the_confirmation_and_back(ada: User) -> None:
    with pytest.raises(ReauthenticationRequired):
        guarded(request_of(ada, seconds_ago=310))


def test_a_late_post_is_sent_back_as_a_get(ada: User) -> None:
    request = request_of(ada, seconds_ago=310, method="POST")

    answer = guarded(request)

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/stripe/paste/test/?from=mail"


def test_a_late_post_leaves_nothing_in_the_session(ada: User) -> None:
    request = request_of(ada, seconds_ago=310, method="POST")

    guarded(request)
    request._messages.update(HttpResponse())
    request.session.save()

    kept = str(dict(request.session))
    assert A_KEY not in kept
    assert "account_reauthentication_state" not in kept
    assert "What you sent was not kept" in kept


def test_a_late_post_by_htmx_moves_the_whole_page(ada: User) -> None:
    answer = guarded(request_of(ada, seconds_ago=310, method="POST", **{"HX-Request": "true"}))

    assert answer.headers["HX-Redirect"] == "/stripe/paste/test/?from=mail"


def test_confirming_lets_the_user_through(ada: User) -> None:
    browser = people.a_client_of(ada, seconds_ago=10_000)

    browser.post("/accounts/reauthenticate/", {"password": people.PASSWORD})

    request = request_of(ada, seconds_ago=10_000)
    request.session = browser.session
    assert guarded(request).content == b"inside"


def test_a_wrong_password_confirms_nothing(ada: User) -> None:
    browser: Client = people.a_client_of(ada, seconds_ago=10_000)

    browser.post("/accounts/reauthenticate/", {"password": "not her password"})

    request = request_of(ada, seconds_ago=10_000)
    request.session = browser.session
    with pytest.raises(ReauthenticationRequired):
        guarded(request)
