"""Nobody reaches Ada's things through any address: every URL pattern, every method, every kind of visitor."""

import inspect
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver
from pytest_django import Settings

from accounts.models import User
from tests import people
from tests.accounts.test_default_deny import as_written, patterns
from tests.house.adas_things import AdasThings, bring_adas_things
from tests.house.addresses import ADDRESSES, OF_A_KEY, OPEN, OWN

OPS = "ops/"
METHODS = ("get", "head", "post", "put", "patch", "delete")
LEADING = ("get", "post")
TO_SIGN_IN = re.compile(r"^/(accounts/(login|reauthenticate)|ops/login)/")
# Nobody's key, and what is no key at all.
RANDOM = str(uuid.uuid4())
MALFORMED = ("1", "None", "0' OR '1'='1", "..", f"{RANDOM}x", "%00")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys_for_reports(settings: Settings) -> None:
    """Keys are asked for a second purpose too, so that its pages are there."""
    settings.KEY_PURPOSES = ["reporting"]


def addresses() -> Iterator[str]:
    """Every address of the site, as it is written in `ADDRESSES`."""
    return (as_written(address) for address, _ in patterns(get_resolver()))


def filled(address: str, key_id: str) -> str:
    """An address to ask for."""
    for name, value in (
        ("<uuid:key_id>", key_id),
        ("<path:object_id>", key_id),
        ("<path:content_type_id>", "1"),
        ("<mode:mode>", "test"),
        ("<purpose:purpose>", "reporting"),
        ("<key>", "abc"),
        ("<uidb36>", "1"),
        ("(?P<app_label>accounts|work|stripe_keys|webhooks)", "stripe_keys"),
        ("(?P<url>.*)", "nowhere"),
    ):
        address = address.replace(name, value)
    assert not re.search(r"[<(?]", address), f"{address}: say above how it is filled in"
    return f"/{address}"


def posted(key_id: str) -> dict[str, str]:
    """Everything that a form of ours understands, so that whatever takes it may do its worst."""
    return {
        "key": people.a_restricted_key(),
        "answer": "no",
        "printed": "dead",
        "account": "acct_1NamedByAVisitor",
        "action": "suspend",
        "_selected_action": key_id,
        "from_page": "1",
        "confirmed": "yes",
        "post": "yes",
    }


def is_refusal(response: HttpResponse) -> bool:
    """Whether this leads nowhere but to signing in."""
    if response.status_code in (301, 302):
        return bool(TO_SIGN_IN.match(response.get("Location", "")))
    return response.status_code in (403, 404, 405)


def view_behind(view: Callable[..., Any]) -> object:
    """The function behind an address of the desk: one for all lists that do not bring their own."""
    behind = inspect.unwrap(view)
    return getattr(behind, "__func__", behind)


def requests(
    chosen: Callable[[str], bool], ids: tuple[str, ...]
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Each chosen address with what to ask for there: (method, id).

    That is by each method for the first id, and for the others by those methods that lead anywhere; for the first alone
    where an address takes none. The desk has an address for each model, with the same few functions behind them all:
    each function is asked all of this once, each address whether it is closed.
    """
    met: set[object] = set()
    for pattern, each in patterns(get_resolver()):
        address = as_written(pattern)
        if not chosen(address):
            continue
        behind = view_behind(each.callback) if address.startswith(OPS) else address
        if behind in met:
            yield address, (("get", ids[0]),)
            continue
        met.add(behind)
        others = ids[1:] if "<" in address else ()
        of_others = tuple((method, key_id) for key_id in others for method in LEADING)
        yield address, (*((method, ids[0]) for method in METHODS), *of_others)


def walk(
    browser: Callable[[], Client], things: AdasThings, chosen: Callable[[str], bool], ids: tuple[str, ...]
) -> Iterator[tuple[str, str, HttpResponse]]:
    """Ask for each chosen address by each method with its ids: (request in words, id, answer)."""
    client = browser()
    for address, asked in requests(chosen, ids):
        for method, key_id in asked:
            data: Any = {"data": posted(key_id)} if method == "post" else {}
            response = getattr(client, method)(filled(address, key_id), **data)
            shown = things.shown_in(response, asked_for=key_id)
            assert not shown, f"{method} {address} shows {shown}"
            is_right = response.status_code < 500 or address == "readyz"  # no worker: 503
            assert is_right, f"{method} {address}"
            if settings.SESSION_COOKIE_NAME in response.cookies:
                client = browser()  # some addresses sign out, and none is to make others easier
            yield f"{method} {address}", key_id, response


@pytest.fixture
def things(ada: User, settings: Settings) -> Iterator[AdasThings]:
    """What is Ada's. Afterwards all of it is as it was."""
    settings.MANAGED_KEYS = ["live", "test"]  # else there are no such pages
    brought = bring_adas_things(ada)
    yield brought
    assert brought.changed() == []


def ids_of(things: AdasThings) -> tuple[str, ...]:
    return (*things.key_ids, RANDOM, *MALFORMED)


def test_every_address_is_known() -> None:
    found = {address for address in addresses() if not address.startswith(OPS)}

    assert found == set(ADDRESSES)


def test_strangers_are_sent_to_sign_in(things: AdasThings) -> None:
    closed = walk(Client, things, lambda address: ADDRESSES.get(address) is not OPEN, ids_of(things))

    assert [asked for asked, _, response in closed if not is_refusal(response)] == []


def test_strangers_see_nothing_of_adas_on_open_pages(things: AdasThings) -> None:
    open_pages = walk(Client, things, lambda address: ADDRESSES.get(address) is OPEN, (RANDOM,))

    assert len(list(open_pages)) > len(METHODS)


def test_eve_gets_404_for_adas_keys_as_for_keys_that_do_not_exist(things: AdasThings, eve: User) -> None:
    bodies: dict[str, set[tuple[int, bytes]]] = {}

    for asked, key_id, response in walk(
        lambda: people.a_client_of(eve),
        things,
        lambda address: ADDRESSES.get(address) is OF_A_KEY,
        ids_of(things),
    ):
        if key_id not in MALFORMED:
            body = response.content.replace(key_id.encode(), b"")
            bodies.setdefault(asked, set()).add((response.status_code, body))
        assert response.status_code in (404, 405), f"{asked}: {response.status_code}"

    assert len(bodies) > len(METHODS)
    assert [asked for asked, different in bodies.items() if len(different) > 1] == []


def test_eve_sees_nothing_of_adas_on_her_own_pages(things: AdasThings, eve: User) -> None:
    own = walk(
        lambda: people.a_client_of(eve),
        things,
        lambda address: ADDRESSES.get(address) in (OWN, OPEN),
        things.key_ids[:1],
    )

    assert [asked for asked, _, response in own if response.status_code == 200]


@pytest.mark.parametrize("who", ["eve", "staff without a second factor"])
def test_the_ops_desk_is_closed(things: AdasThings, eve: User, olga: User, who: str) -> None:
    visitor = eve if who == "eve" else olga
    desk = walk(
        lambda: people.a_client_of(visitor),
        things,
        lambda address: address.startswith(OPS),
        (things.key_ids[0], str(things.merchant.pk), "1"),
    )

    entered = [asked for asked, _, response in desk if not is_ops_refusal(response)]

    assert [asked for asked in entered if not asked.endswith(" ops/logout/")] == []


def is_ops_refusal(response: HttpResponse) -> bool:
    """Also the steps that are missing: they lead to Ada's things as little."""
    onward = response.get("Location", "")
    return is_refusal(response) or onward.startswith(("/accounts/2fa/", "/accounts/password/change/"))


def test_ada_has_a_row_on_every_page_of_the_desk(things: AdasThings) -> None:
    nobodys = {
        "DatabaseRestore",
        "EventReplay",
        "PartnerEndpoint",
        "PeriodicSlot",
        "SigningSecretUse",
        "StripeIncident",
        "VaultAudit",
        "WorkerHeartbeat",
    }
    empty = {model.__name__ for model in admin.site._registry if not model._default_manager.exists()}

    assert empty <= nobodys


def test_the_walk_sees_what_it_looks_for(things: AdasThings, ada: User, olga: User) -> None:
    first = things.key_ids[0]
    of_ben = people.a_client_of(people.a_colleague("ben@example.com", ada)).get(f"/stripe/keys/{first}/")
    of_olga = people.a_client_of(olga, second_factor=True).get("/ops/stripe_keys/restrictedkey/")

    assert things.shown_in(of_ben, asked_for=first)
    assert things.shown_in(of_olga, asked_for=first)
