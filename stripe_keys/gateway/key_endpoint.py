"""Stripe's endpoint for keys that the app makes on a merchant's account (`/v2/iam/api_keys`, a preview).

Of every answer the fields that are needed are copied one by one and the rest is dropped here: in test mode Stripe sends
the text of keys in the clear, in lists too. Fields as in stripe-python 16.1.0a4 (`stripe.v2.iam`).
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.conf import settings

from stripe_keys import gateway, our_apps
from stripe_keys.gateway import app_answers
from stripe_keys.gateway.app_answers import StripeUnavailable
from stripe_keys.secret import NotAKey, Secret

PATH = "/v2/iam/api_keys"
LONGEST_OVERLAP_MINUTES = 10_080
_PAGE, _MOST_PAGES, _MOST_SECONDS = 100, 50, 15.0  # whoever reads a list does so under a lease
_EXPIRED = "expired"
_KEY_ID = re.compile(r"mk_[A-Za-z0-9]{8,100}", re.ASCII)
_PUBLISHABLE = re.compile(r"pk_(?:live|test)_[A-Za-z0-9]{10,240}", re.ASCII)
# Where something encrypted should be, a key in the clear would be stored.
_KEY_IN_THE_CLEAR = re.compile(r"[rs]k_(?:live|test)_", re.ASCII)


@dataclass(frozen=True)
class Made:
    """A key that Stripe has just made: encrypted for us, or, in test mode, perhaps in the clear."""

    stripe_key_id: str
    livemode: bool | None
    encrypted: str = field(default="", repr=False)
    recipient: str = ""
    secret: Secret | None = None
    publishable: str = ""
    is_garbled: bool = False
    """Whether a text was there that is no key."""


@dataclass(frozen=True)
class Listed:
    """A key of an account as a list shows it; of the texts only that of a publishable key, which is no secret."""

    stripe_key_id: str
    name: str
    is_active: bool
    is_secret: bool
    managed_by_app: str
    created_at: datetime | None
    publishable: str = ""


def create(*, body: dict[str, Any], livemode: bool, context: str, idempotency_key: str) -> Made:
    """Make a key; raises as `gateway.call_as_app`."""
    answer = gateway.call_as_app(
        "post", PATH, body, livemode=livemode, context=context, idempotency_key=idempotency_key
    )
    return _made(answer)


def rotate(
    stripe_key_id: str, *, body: dict[str, Any], livemode: bool, context: str, idempotency_key: str
) -> Made:
    """Replace a key by a new one, which is the answer; raises as `gateway.call_as_app`."""
    path = f"{_path_of(stripe_key_id)}/rotate"
    answer = gateway.call_as_app(
        "post", path, body, livemode=livemode, context=context, idempotency_key=idempotency_key
    )
    return _made(answer)


def expire(stripe_key_id: str, *, livemode: bool, context: str) -> None:
    """End a key; one that is gone already is fine. It may work for some seconds more.

    Raises as `gateway.call_as_app`.
    """
    try:
        gateway.call_as_app(
            "post", f"{_path_of(stripe_key_id)}/expire", {}, livemode=livemode, context=context
        )
    except gateway.StripeRefused as refusal:
        if refusal.status != 404:
            raise


def has_ended(stripe_key_id: str, *, livemode: bool, context: str) -> bool:
    """Whether Stripe shows the key as expired, or shows it no more; raises as `gateway.call_as_app`."""
    try:
        answer = gateway.call_as_app("get", _path_of(stripe_key_id), {}, livemode=livemode, context=context)
    except gateway.StripeRefused as refusal:
        if refusal.status == 404:
            return True
        raise
    facts = app_answers.facts_in(answer, stripe_key_id)
    if isinstance(facts, StripeUnavailable):
        raise facts
    return answer.get("status") == _EXPIRED  # any other word, or none, proves nothing


def keys_of(*, livemode: bool, context: str) -> Iterator[Listed]:
    """Every key of the account that lives, page by page.

    Raises:
        StripeUnavailable: also where a page leads to another server, or pages do not end, or not soon.
    """
    until = time.monotonic() + _MOST_SECONDS
    params: dict[str, Any] = {"limit": _PAGE}
    for _ in range(_MOST_PAGES):
        answer = gateway.call_as_app("get", PATH, params, livemode=livemode, context=context)
        rows = app_answers.rows_in(answer)
        if rows is None:
            raise StripeUnavailable("Stripe's answer was not a list.")
        yield from (_listed(row) for row in rows)
        following = answer.get("next_page_url")
        if not following:
            return
        if time.monotonic() > until:
            raise StripeUnavailable("Stripe's list takes too long.")
        params = _params_of(following)
    raise StripeUnavailable("Stripe's list does not end.")


def made_by_us(listed: list[Listed]) -> list[Listed]:
    """Those whose manager Stripe calls our app; where it calls no key so, those also of which it names no manager.

    A merchant may copy a key in the Dashboard, name and all: the copy is theirs.
    """
    ours = our_apps.object_id(our_apps.MANAGING)
    managers = {ours} if any(one.managed_by_app == ours for one in listed) else {ours, ""}
    return [one for one in listed if one.managed_by_app in managers]


def _params_of(page: object) -> dict[str, Any]:
    """What to ask for the next page with: of its address only the query is used, and only if it is Stripe's own."""
    there, base = urlsplit(page if isinstance(page, str) else "//"), urlsplit(settings.STRIPE_API_BASE)
    is_ours = there.path == PATH and (there.scheme, there.netloc) in (("", ""), (base.scheme, base.netloc))
    if not is_ours:
        raise StripeUnavailable("Stripe's list leads elsewhere.")
    return dict(parse_qsl(there.query))


def _path_of(stripe_key_id: str) -> str:
    return f"{PATH}/{quote(stripe_key_id, safe='')}"


def _made(answer: dict[str, Any]) -> Made:
    key_id = _id_in(answer)
    if not key_id:
        raise StripeUnavailable("Stripe's answer names no key.")
    secret_part, public_part = _part(answer, "secret_key"), _part(answer, "publishable_key")
    encrypted = _part(secret_part, "encrypted_secret")
    ciphertext, recipient = encrypted.get("ciphertext") or "", encrypted.get("recipient_key_id") or ""
    token, publishable = secret_part.get("token"), public_part.get("token")
    secret, is_garbled = None, _KEY_IN_THE_CLEAR.search(f"{ciphertext} {recipient}") is not None
    if token:
        try:
            secret = Secret(token)
        except NotAKey:
            is_garbled = True
    livemode, shown = answer.get("livemode"), _publishable_in(public_part)
    return Made(
        stripe_key_id=key_id,
        livemode=livemode if isinstance(livemode, bool) else None,
        encrypted="" if is_garbled else str(ciphertext),
        recipient="" if is_garbled else str(recipient),
        secret=secret,
        publishable=shown,
        is_garbled=is_garbled or bool(publishable and not shown),
    )


def _listed(row: dict[str, Any]) -> Listed:
    manager = _part(row, "managed_by")
    return Listed(
        stripe_key_id=_id_in(row),
        name=str(row.get("name") or ""),
        is_active=row.get("status") == "active",
        is_secret=row.get("type") == "secret_key",
        managed_by_app=str(_part(manager, "application").get("id") or ""),
        created_at=app_answers.moment_in(row.get("created")),
        publishable=_publishable_in(_part(row, "publishable_key")),
    )


def _publishable_in(part: dict[str, Any]) -> str:
    text = part.get("token")
    return text if isinstance(text, str) and _PUBLISHABLE.fullmatch(text) else ""


def _id_in(row: dict[str, Any]) -> str:
    found = row.get("id")
    return found if isinstance(found, str) and _KEY_ID.fullmatch(found) else ""


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}
