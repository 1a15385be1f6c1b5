"""What logs, tracebacks, error pages and error mails tell of a secret: at most its prefix and its last four."""

import io
import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from django.contrib.auth.decorators import login_not_required
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from django.views.decorators.csrf import csrf_exempt
from pytest_django import Settings

from partner_site.log import logging_config
from stripe_keys.secret import NotAKey, Secret
from tests.people import a_restricted_key

HELD: list[str] = []


@pytest.fixture
def text() -> str:
    return a_restricted_key(livemode=True)


@pytest.fixture
def secret(text: str) -> Secret:
    return Secret(text)


def is_told(text: str, *told: object) -> bool:
    """Whether anything but prefix and last four is in what was told."""
    return any(text[8:-4] in str(each) or text[20:44] in repr(each) for each in told)


# --- Logs, warnings, tracebacks --------------------------------------------------------------------------------------


def log_line(record_with: Callable[[logging.Logger], None]) -> str:
    """What the site's own handler writes for what is logged, unscrubbed as well."""
    configured = logging_config("DEBUG")["formatters"]["line"]
    settings_of_line = {name: value for name, value in configured.items() if name != "()"}
    stream = io.StringIO()
    logger = logging.Logger("tests")  # noqa: LOG001  # with no handlers but these
    for formatter in (
        structlog.stdlib.ProcessorFormatter(**settings_of_line),
        logging.Formatter("%(message)s %(key)s", defaults={"key": ""}),
    ):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    record_with(logger)
    return stream.getvalue()


def fail_with(secret: Secret) -> None:
    """An exception with a secret in its arguments and in the variables of its frames."""
    mine, held = secret, {"key": [secret]}
    raise RuntimeError(mine, held)


def told_of_a_failure(secret: Secret, tell: Callable[[BaseException], object]) -> object:
    """What `tell` makes of a failure between whose frames there is no plain copy."""
    try:
        fail_with(secret)
    except RuntimeError as problem:
        told = tell(problem)
    return told


def logged_with_a_traceback(logger: logging.Logger, secret: Secret) -> None:
    try:
        fail_with(secret)
    except RuntimeError:
        logger.exception("%s failed", secret, stack_info=True)


@pytest.mark.parametrize(
    "record_with",
    [
        lambda logger, secret: logger.warning("%s %r", secret, secret),
        lambda logger, secret: logger.warning("%(key)s", {"key": secret}),
        lambda logger, secret: logger.warning(secret),
        lambda logger, secret: logger.warning("held", extra={"key": secret, "merchant": [secret]}),
        logged_with_a_traceback,
    ],
)
def test_log_shows_no_text(
    text: str, secret: Secret, record_with: Callable[[logging.Logger, Secret], None]
) -> None:
    line = log_line(lambda logger: record_with(logger, secret))

    assert secret.last4 in line
    assert not is_told(text, line)


@pytest.mark.parametrize(
    "render",
    [
        structlog.processors.JSONRenderer(),
        structlog.processors.JSONRenderer(default=str),
        structlog.processors.KeyValueRenderer(),
        structlog.processors.LogfmtRenderer(),
        structlog.dev.ConsoleRenderer(colors=False),
    ],
)
def test_structlog_renders_no_text(text: str, secret: Secret, render: Any) -> None:
    line = render(None, "info", {"event": "held", "key": secret})

    assert secret.last4 in line
    assert not is_told(text, line)


def test_structlog_s_own_tracebacks_show_no_text(text: str, secret: Secret) -> None:
    told = told_of_a_failure(
        secret, lambda problem: structlog.processors.dict_tracebacks(None, "error", {"exc_info": problem})
    )

    assert "'mine': '<Secret" in str(told)
    assert not is_told(text, told)


def test_traceback_with_variables_shows_no_text(text: str, secret: Secret) -> None:
    of = traceback.TracebackException.from_exception

    told = told_of_a_failure(secret, lambda problem: "".join(of(problem, capture_locals=True).format()))

    assert "mine = <Secret" in str(told)
    assert not is_told(text, told)


def test_refusal_leaves_no_text_in_its_own_frames(text: str) -> None:
    try:
        Secret(text + "\n")
    except NotAKey as refusal:
        own = refusal.__traceback__.tb_next if refusal.__traceback__ else None
        assert own is not None
        assert not is_told(text, own.tb_frame.f_locals)


def test_warning_shows_no_text(text: str, secret: Secret) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(f"old {secret}", stacklevel=1)
        warnings.warn(UserWarning(secret), stacklevel=1)

    assert len(caught) == 2
    assert not is_told(text, *(each.message for each in caught), *(str(each) for each in caught))


# --- Error pages and error mails -------------------------------------------------------------------------------------


@csrf_exempt
@login_not_required
def failing(request: HttpRequest, word: str) -> HttpResponse:
    """A view that fails with a secret, a plain copy of its text, and the form that brought it."""
    plain = HELD[0]
    secret = Secret(plain)
    sent, parts = request.POST["key"], [plain, {"key": plain}]
    raise RuntimeError(f"cannot use {plain}", secret, sent, parts)


urlpatterns = [path("failing/<str:word>/", failing)]


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("accepts", ["text/html", "application/json"])
def test_error_page_shows_no_text(settings: Settings, text: str, debug: bool, accepts: str) -> None:
    settings.ROOT_URLCONF, settings.DEBUG = __name__, debug
    HELD[:] = [text]
    client = Client(raise_request_exception=False)
    client.cookies["note"] = text

    page = client.post(
        f"/failing/{text}/?q={text}", {"key": text, text: "name"}, headers={"Accept": accepts, "X-Note": text}
    )

    assert page.status_code == 500
    assert ("RuntimeError" in page.text) is debug
    assert not is_told(text, page.text, page.headers)


def test_django_s_own_report_would_have_shown_it(settings: Settings, text: str, rf: Any) -> None:
    settings.DEBUG = True
    HELD[:] = [text]
    request = rf.post("/failing/now/", {"key": text})
    # Django remembers the default filter for the rest of the process, so the request brings its own.
    request.exception_reporter_filter = SafeExceptionReporterFilter()
    try:
        failing(request, text)
    except RuntimeError:
        told = ExceptionReporter(request, *sys.exc_info()).get_traceback_html()

    assert is_told(text, told)


@pytest.mark.parametrize("include_html", [True, False])
def test_error_mail_shows_no_text(settings: Settings, text: str, rf: Any, include_html: bool) -> None:
    settings.ADMINS = [("Olga", "olga@example.com")]
    HELD[:] = [text]
    request = rf.post(f"/failing/now/?q={text}", {"key": text})
    logger = logging.Logger("tests")  # noqa: LOG001  # with no handler but this
    logger.addHandler(AdminEmailHandler(include_html=include_html))
    try:
        failing(request, text)
    except RuntimeError:
        logger.exception("It failed", extra={"request": request, "status_code": 500})

    sent = mail.outbox[0]
    assert "RuntimeError" in str(sent.body)
    assert not is_told(text, sent.subject, sent.body, sent.message().as_string())
