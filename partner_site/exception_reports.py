"""What Django tells about an unexpected error: where it happened, never with what.

Django hides settings and variables by their names; a key in a variable called `text` would pass. So nothing is shown by
value: no variables, no form fields, no query, no cookies, no headers, no settings.
"""

from collections.abc import ItemsView
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from partner_site.log import scrub


class NothingPrivate(SafeExceptionReporterFilter):
    """A filter that lets no value through, whatever it is called and whatever DEBUG is."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always: there is no request whose values may be shown."""
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        """No settings."""
        return {}

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """No headers and no environment."""
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """No cookies."""
        return {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """No form fields."""
        return {}

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: TracebackType
    ) -> ItemsView[str, Any]:
        """No variables of any frame."""
        return dict[str, Any]().items()


class ShortReport(ExceptionReporter):
    """Django's report without the request, and with key-shaped strings cut out of the exception's own words."""

    def get_traceback_data(self) -> dict[str, Any]:
        """Return the report's parts without those that quote what the visitor sent."""
        data = super().get_traceback_data()
        for part in (
            "request",
            "request_GET_items",
            "request_FILES_items",
            "request_insecure_uri",
            "unicode_hint",
        ):
            data.pop(part, None)
        return data

    def get_traceback_html(self) -> SafeString:
        """Return the report as a page, scrubbed."""
        return mark_safe(scrub(super().get_traceback_html()))  # noqa: S308  # Django's own page, with less in it

    def get_traceback_text(self) -> SafeString:
        """Return the report as plain text, scrubbed."""
        return mark_safe(scrub(super().get_traceback_text()))  # noqa: S308  # likewise; never shown as a page
