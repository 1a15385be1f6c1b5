"""Which views open without signing in, and which take a POST without a token: two lists, changed on purpose only."""

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

OPEN_TO_STRANGERS = {
    "home",
    "healthz",
    "readyz",
    "metrics",  # shows nothing without the bearer token
    "webhooks:receive",
    "admin:login",
    "account_login",
    "account_logout",  # whoever is not signed in is sent home
    "account_confirm_login_code",  # part of allauth; it goes to sign-in, codes by mail are off
    "account_signup",
    "account_confirm_email",
    "account_email_verification_sent",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "mfa_authenticate",
}
WITHOUT_A_CSRF_TOKEN = {"webhooks:receive"}


def views(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every view with the name it is reversed by."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from views(entry, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name or entry.lookup_str}", entry.callback


def test_only_these_views_open_without_signing_in() -> None:
    found = {name for name, view in views(get_resolver()) if not getattr(view, "login_required", True)}

    assert found == OPEN_TO_STRANGERS


def test_only_these_views_take_a_post_without_a_token() -> None:
    found = {name for name, view in views(get_resolver()) if getattr(view, "csrf_exempt", False)}

    assert found == WITHOUT_A_CSRF_TOKEN
