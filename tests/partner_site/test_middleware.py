"""What every answer tells the browser, and what happens while the database is away."""

from collections.abc import Callable

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from psycopg_pool import PoolTimeout
from pytest_django import Settings

from accounts.models import User
from partner_site.middleware import private_pages, read_as_utf8
from tests import people

STRANGER_PAGES = ["/accounts/login/", "/accounts/signup/", "/healthz", "/no/such/page/"]


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


@pytest.mark.django_db
@pytest.mark.parametrize("address", STRANGER_PAGES)
def test_pages_stay_out_of_caches_and_search_engines(client: Client, address: str) -> None:
    response = client.get(address)

    assert response["Cache-Control"] == "no-store, private"
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "clipboard-read=()" in response["Permissions-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "charset", ["charset=idna", 'Charset*="rot13"', "charset = undefined", "charset=ascii"]
)
@pytest.mark.parametrize("form", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_form_in_an_odd_charset_is_read_as_utf8(rf: RequestFactory, form: str, charset: str) -> None:
    body = 'login=%FF\r\n--b\r\nContent-Disposition: form-data; name="login"\r\n\r\nä\r\n--b--\r\n'.encode()
    asked = rf.generic("POST", "/accounts/login/?next=%FF", body).environ
    heard: list[str] = []

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        heard.append(status)
        return print

    page = read_as_utf8(WSGIHandler())(asked | {"CONTENT_TYPE": f"{form}; {charset}"}, start_response)

    assert heard == ["403 Forbidden"]  # it came as far as the check of its CSRF token
    assert b"<h1" in b"".join(page)


def test_a_strangers_home_page_may_be_found(rf: RequestFactory) -> None:
    response = private_pages(answer)(rf.get("/"))

    assert "X-Robots-Tag" not in response
    assert "no-store" not in response.get("Cache-Control", "")
    assert response["Vary"] == "Cookie"


def test_the_home_page_of_a_session_is_private(rf: RequestFactory, settings: Settings) -> None:
    request = rf.get("/")
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "anything"

    assert private_pages(answer)(request)["Cache-Control"] == "no-store, private"


@pytest.mark.django_db
def test_signing_out_clears_what_the_browser_keeps(ada: User) -> None:
    browser = people.a_client_of(ada)

    asked = browser.get("/accounts/logout/")
    left = browser.post("/accounts/logout/")

    assert "Clear-Site-Data" not in asked
    assert left["Clear-Site-Data"] == '"cache", "storage"'


def failing(problem: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise problem

    view.login_required = False  # type: ignore[attr-defined]  # reachable without a database
    return view


urlpatterns = [
    path("operational/", failing(OperationalError("gone"))),
    path("interface/", failing(InterfaceError("closed"))),
    path("pool/", failing(OperationalError("no connection within 2 s"))),
    path("mistake/", failing(ZeroDivisionError("ours"))),
]
handler500 = "partner_site.errors.server_error"


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/operational/", "/interface/", "/pool/"])
def test_without_the_database_the_answer_is_503(address: str) -> None:
    response = Client(raise_request_exception=False).get(address)

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store, private"


def test_an_exhausted_pool_counts_as_a_database_away() -> None:
    import psycopg

    assert issubclass(PoolTimeout, psycopg.OperationalError)  # Django turns it into its own OperationalError


@pytest.mark.urls(__name__)
def test_a_mistake_of_ours_is_still_500() -> None:
    response = Client(raise_request_exception=False).get("/mistake/")

    assert response.status_code == 500


def test_the_site_uses_this_answer() -> None:
    from partner_site import urls

    assert urls.handler500 == "partner_site.errors.server_error"
