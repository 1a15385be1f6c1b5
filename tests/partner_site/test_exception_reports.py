"""An error report says where, never with what."""

import sys

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import get_exception_reporter_class, get_exception_reporter_filter
from pytest_django import Settings

from partner_site.exception_reports import NothingPrivate, ShortReport
from tests import people


def a_report(request: HttpRequest, problem: str) -> ShortReport:
    pasted_text = problem  # a frame variable with an innocent name
    empty: dict[str, str] = {}
    try:
        empty[pasted_text]
    except KeyError:
        found = sys.exc_info()
    return ShortReport(request, *found)


def test_django_uses_our_report_and_filter(rf: RequestFactory) -> None:
    request = rf.get("/")

    assert str(get_exception_reporter_class(request)) == str(ShortReport)
    assert isinstance(get_exception_reporter_filter(request), NothingPrivate)


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("form", ["get_traceback_html", "get_traceback_text"])
def test_no_value_of_the_request_is_told(
    rf: RequestFactory, settings: Settings, debug: bool, form: str
) -> None:
    settings.DEBUG = debug
    key = people.a_restricted_key(livemode=True)
    request = rf.post(
        "/stripe/paste/live/?hint=from-the-query", {"key": f"field-{key}"}, headers={"X-Note": "header"}
    )
    request.COOKIES["sid"] = "session-cookie-value"

    text = getattr(a_report(request, f"no such key {key}"), form)()

    assert "KeyError" in text
    assert "a_report" in text
    for told in (key[-20:], "from-the-query", "field-", "session-cookie-value", str(settings.SECRET_KEY)):
        assert told not in text
