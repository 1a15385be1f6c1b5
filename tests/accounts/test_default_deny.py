"""Every page needs sign-in, except those listed here by hand."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# What a stranger may open. A new page is closed unless it is added here, and whoever adds it says why.
OPEN_TO_STRANGERS = {
    "": "the front page",
    "healthz": "asked by machines",
    "readyz": "asked by machines",
    "metrics": "asked by machines that send a token; 404 for all others",
    "accounts/login/": "signing in",
    "accounts/logout/": "shows nothing; signs out who is signed in",
    "accounts/inactive/": "says that an account is closed",
    "accounts/signup/": "opening an account",
    "accounts/confirm-email/": "says that a mail is on its way",
    "accounts/confirm-email/<key>/": "the link in that mail",
    "accounts/password/reset/": "forgetting a password",
    "accounts/password/reset/done/": "says that a mail is on its way",
    "accounts/password/reset/key/<uidb36>-<key>/": "the link in that mail",
    "accounts/password/reset/key/done/": "says that the password is changed",
    "accounts/login/code/confirm/": "allauth mounts it always; without a sign-in by code it leads to sign-in",
    "accounts/2fa/authenticate/": "the second step of signing in",
    "ops/login/": "leads to sign-in",
    "webhooks/stripe": "Stripe signs what it sends there",
    "webhooks/stripe/": "the same",
}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern below `resolver` with its whole address."""
    for each in resolver.url_patterns:
        address = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, address)
        else:
            yield address, each


def as_written(address: str) -> str:
    """An address without the marks of a regular expression."""
    for group, name in (
        (r"(?P<key>[-:\w]+)", "<key>"),
        (r"(?P<uidb36>[0-9A-Za-z]+)", "<uidb36>"),
        (r"(?P<key>.+)", "<key>"),
    ):
        address = address.replace(group, name)
    return address.replace("^", "").replace("$", "")


def is_open(callback: Any) -> bool:
    """Whether LoginRequiredMiddleware lets strangers through to this view."""
    return not getattr(callback, "login_required", True)


def test_strangers_may_open_exactly_the_pages_listed() -> None:
    found = {as_written(address) for address, each in patterns(get_resolver()) if is_open(each.callback)}

    assert found == set(OPEN_TO_STRANGERS)
