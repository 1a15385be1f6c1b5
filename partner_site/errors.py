"""What a visitor gets when a request fails unexpectedly."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

_RETRY_AFTER_SECONDS = "5"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 413 when more was sent than any form of ours takes, and 400 for any other senseless request."""
    if not isinstance(exception, RequestDataTooBig):
        return defaults.bad_request(request, exception)
    response: HttpResponse = defaults.bad_request(request, exception, template_name="413.html")
    response.status_code = 413
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database is away, so that Stripe and browsers come back; 500 for a mistake of ours.

    Django asks its `handler500` while the exception is being handled. A middleware could not do this: Django turns an
    exception into a response between any two of them. Nothing here may need the database.
    """
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return defaults.server_error(request)
    page = loader.render_to_string("503.html")
    return HttpResponse(page, status=503, headers={"Retry-After": _RETRY_AFTER_SECONDS})
