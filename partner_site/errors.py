"""What a visitor gets when a request fails unexpectedly."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views import defaults

_RETRY_AFTER_SECONDS = "5"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database is away, so that Stripe and browsers come back; 500 for a mistake of ours.

    Django asks its `handler500` while the exception is being handled. A middleware could not do this: Django turns an
    exception into a response between any two of them. Nothing here may need the database.
    """
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return defaults.server_error(request)
    response = HttpResponse(
        "The site cannot reach its database at the moment. Please try again in a few seconds.\n",
        status=503,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": _RETRY_AFTER_SECONDS},
    )
    add_never_cache_headers(response)
    return response
