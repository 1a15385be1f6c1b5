"""Error pages: they look like the site, and tell nobody what was wrong inside."""

from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path
from pytest_django import Settings

from partner_site import urls as site_urls
from tests import people

WORDS = f"/inside/of {people.some_letters(30)}"


def raising(problem: Exception) -> Any:
    @login_not_required
    def view(request: HttpRequest) -> HttpResponse:
        raise problem

    return view


urlpatterns = [
    path("boom/400", raising(SuspiciousOperation(WORDS))),
    path("boom/403", raising(PermissionDenied(WORDS))),
    path("boom/500", raising(RuntimeError(WORDS))),
    *site_urls.urlpatterns,
]
handler500 = site_urls.handler500


@pytest.fixture
def browser(settings: Settings) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status", "heading"),
    [
        ("/boom/400", 400, "We could not read that request"),
        ("/boom/403", 403, "This is not yours to open"),
        ("/accounts/nothing/", 404, "There is nothing here"),
        ("/boom/500", 500, "Something went wrong on our side"),
    ],
)
def test_error_page_is_ours_and_tells_nothing(
    browser: Client, address: str, status: int, heading: str
) -> None:
    answer = browser.get(address)

    assert answer.status_code == status
    assert heading in answer.content.decode()
    assert WORDS not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_without_an_echo(browser: Client) -> None:
    key = people.a_restricted_key()

    answer = browser.post("/accounts/login/", {"login": key, "password": key})

    assert answer.status_code == 403
    assert "That form was too old" in answer.content.decode()
    assert key not in answer.content.decode()


@pytest.mark.parametrize(
    "name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html"]
)
def test_error_page_needs_no_request_and_no_database(name: str) -> None:
    page = render_to_string(name)  # without the db mark any query would fail the test

    assert 'href="/static/site/tokens.css"' in page
