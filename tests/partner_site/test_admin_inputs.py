"""Whatever a list of the ops desk is asked, by hand-made addresses and forms too, it answers, and never with 500."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import UUIDField
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Merchant, Notice, User
from partner_site.ops import SteadyAdmin
from stripe_keys.models import RestrictedKey
from tests import people
from tests.stripe_keys.keys import bind_account, paste
from tests.webhooks.deliveries import a_notification, deliver_event
from work.models import PeriodicSlot, WorkerHeartbeat

HUGE = "9" * 30
NIL = "00000000-0000-0000-0000-000000000000"
# Every kind of list is asked by every parameter with each of these: a few that stand for many.
VALUES: list[str | list[str]] = ["", HUGE, ["2024", "%s%n'\"\\🙂"]]
PARTS = ("year", "month", "day")
NO_DAYS = [("0", "1", "1"), ("1", "1", "1"), ("9999", "12", "31"), ("2024", "2", "31"), ("2024", "", "1"),
           ("-5", "0", "0"), (HUGE, HUGE, HUGE)]  # fmt: skip
# A number, yet no year and no day: parameters that take a number are asked with it too.
NO_DAY = "99999999"
TAKE_NUMBERS = ("__year", "__month", "__day", "__week_day", "id", "pk", "p", "o", "e", "no_such")
SELECTIONS = ["", " ", "\x00", "x", "-1", "0", HUGE, "🙂", "../..", "1.5", NIL]
EVERY_LIST = ["q", "p", "o", "all", "e", "_facets", "_popup", "_to_field", "_changelist_filters", "no_such", "id",
              "pk", "id__in", "lane", "problem", "type", "secret"]  # fmt: skip
CLEAR = {200, 302, 400}


@pytest.fixture
def desk(ada: User, olgas_browser: Client) -> Client:
    """Olga's browser, with a row in most lists; it is told of a 500 as any other browser is."""
    bind_account(ada, "acct_1AdasAccount0000")
    paste(ada, people.a_restricted_key(), remote_address="127.0.0.1")
    deliver_event(a_notification(context="acct_1AdasAccount0000"))
    PeriodicSlot.objects.create(job="a", slot=timezone.now(), lane="a", state="dead")
    WorkerHeartbeat.objects.create(name="here:1", host="here", pid=1, beat_at=timezone.now())
    merchant = people.merchant_of(ada)
    Notice.objects.create(merchant=merchant, lane="x", subject="s", body="b", dedupe_key="d", state="dead")
    olgas_browser.raise_request_exception = False
    return olgas_browser


def lists() -> Iterator[tuple[str, ModelAdmin[Any]]]:
    """The address of every list, with its page."""
    for model, page in admin.site._registry.items():
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), page


LOOKUPS = ("", "__exact", "__isnull", "__isempty", "__gte", "__lt", "__year", "__month", "__in")
OF_DAYS = ("", "__year", "__month", "__day", "__gte", "__lt", "__date", "__week_day")


def filters(page: ModelAdmin[Any]) -> Iterator[tuple[str, object]]:
    """The name of everything a list may be narrowed by, and what kind of question it is."""
    for each in page.list_filter:
        if isinstance(each, type) and issubclass(each, SimpleListFilter):
            yield str(each.parameter_name), each
            continue
        path, by = (str(each[0]), each[1]) if isinstance(each, tuple) else (str(each), None)
        field = type(get_fields_from_path(page.model, path)[-1])
        yield from ((f"{path}{lookup}", (field, by, lookup)) for lookup in LOOKUPS)
    if page.date_hierarchy:
        yield from ((f"{page.date_hierarchy}{lookup}", ("day", lookup)) for lookup in OF_DAYS)


def parameters(page: ModelAdmin[Any]) -> Iterator[str]:
    """The name of everything a list may be asked by."""
    yield from EVERY_LIST
    yield from (name for name, _ in filters(page))


def common(page: ModelAdmin[Any]) -> Iterator[tuple[str, object]]:
    """What every list may be asked by, and what kind of question it is there: what the list has to do with it."""
    columns = {field.name: type(field) for field in page.opts.get_fields()}
    concerned = {
        "q": bool(page.search_fields),
        "_facets": (bool(page.list_filter), bool(page.date_hierarchy)),
    }
    for name in EVERY_LIST:
        column, own = columns.get(name.partition("__")[0]), type(page.opts.pk) if name == "pk" else None
        yield name, (name, column, own, concerned.get(name))


def questions() -> Iterator[tuple[str, str]]:
    """Each kind of question at the first list that may be asked it."""
    met: set[object] = set()
    for address, page in lists():
        for name, kind in (*common(page), *filters(page)):
            if kind not in met:
                met.add(kind)
                yield address, name


def unclear(desk: Client, asked: Iterable[tuple[str, dict[str, Any]]]) -> list[object]:
    """The questions, and what they were answered with, to which no list should answer so."""
    answered = ((address, data, desk.get(address, data).status_code) for address, data in asked)
    return [each for each in answered if each[-1] not in CLEAR]


def test_every_list_starts_from_the_page_that_answers() -> None:
    assert [page for _, page in lists() if not isinstance(page, SteadyAdmin)] == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:24])
def test_every_list_answers_whatever_its_parameters_say(desk: Client, value: str | list[str]) -> None:
    assert unclear(desk, ((address, {name: value}) for address, name in questions())) == []


def test_every_list_answers_to_numbers_that_are_too_large_for_what_they_count(desk: Client) -> None:
    asked = [(address, {name: NO_DAY}) for address, name in questions() if name.endswith(TAKE_NUMBERS)]

    assert len(asked) > len(TAKE_NUMBERS)
    assert unclear(desk, asked) == []


def test_every_list_refuses_a_nul(desk: Client) -> None:
    for address, _ in lists():
        for question in ({"id": "\x00"}, {"x\x00": "1"}):
            assert desk.get(address, question).status_code == 400, address


@pytest.mark.parametrize("value", [HUGE, "0", "x"], ids=ascii)
def test_every_list_answers_when_all_parameters_are_odd_at_once(desk: Client, value: str) -> None:
    for address, page in lists():
        for data in (
            dict.fromkeys(parameters(page), value),
            {"_facets": "1", "all": "", "e": "1", "id": value},
        ):
            assert desk.get(address, data).status_code in CLEAR, address


def test_every_date_hierarchy_answers_to_days_that_are_none(desk: Client) -> None:
    dated = {
        (type(page).changelist_view, type(get_fields_from_path(page.model, page.date_hierarchy)[-1])): (
            address,
            page.date_hierarchy,
        )
        for address, page in lists()
        if page.date_hierarchy
    }
    asked = (
        (address, {f"{name}__{part}": number for part, number in zip(PARTS[:count], day, strict=False)})
        for address, name in dated.values()
        for day in NO_DAYS
        for count in (1, 2, 3)
    )

    assert unclear(desk, asked) == []


def test_an_unreadable_filter_leads_back_to_all_rows(desk: Client) -> None:
    address = reverse("admin:accounts_merchant_changelist")

    answer = desk.get(address, {"created_at__year": "0"})

    assert answer["Location"] == f"{address}?e=1"
    assert desk.get(answer["Location"]).status_code == 200


def test_an_unreadable_filter_that_came_back_already_is_refused(desk: Client) -> None:
    address = reverse("admin:accounts_merchant_changelist")

    assert desk.get(address, {"created_at__year": "0", "e": "1"}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_pattern_that_only_postgresql_refuses_leads_back_too(desk: Client) -> None:
    address = reverse("admin:stripe_keys_restrictedkey_changelist")

    for question in ({"last4__regex": "("}, {"last4__regex": "(", "status__exact": "x", "_facets": "1"}):
        assert desk.get(address, question).status_code in CLEAR
        assert desk.get(address).status_code == 200


def test_a_list_that_fails_by_itself_is_our_mistake(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = admin.site._registry[Merchant]
    monkeypatch.setattr(page, "list_display", ("name", "no_such_column"))
    address = reverse("admin:accounts_merchant_changelist")

    assert desk.get(address).status_code == 500
    assert desk.get(address, {"e": "1"}).status_code == 500


def actions() -> Iterator[tuple[str, str, str]]:
    """Each action, and one that is none, at the first list of each kind that offers it, with an id of nobody's."""
    met: set[object] = set()
    for address, page in lists():
        for action in (*(page.actions or ()), "no_such"):
            does = action if callable(action) else getattr(type(page), action, action)
            kind = (does, type(page).changelist_view, type(page.opts.pk))
            if kind not in met:
                met.add(kind)
                yield address, str(action), NIL if isinstance(page.opts.pk, UUIDField) else "0"


def unclear_actions(desk: Client, asked: Iterable[tuple[str, dict[str, str]]]) -> list[object]:
    """The forms, and what they were answered with, to which no list should answer so."""
    answered = ((address, form, desk.post(address, form).status_code) for address, form in asked)
    return [each for each in answered if each[-1] not in CLEAR]


def test_every_action_answers_whatever_was_chosen(desk: Client) -> None:
    one_of_each_list = {address: action for address, action, _ in actions()}
    asked = (
        (address, {"action": action, ACTION_CHECKBOX_NAME: selection})
        for address, action in one_of_each_list.items()
        for selection in SELECTIONS
    )

    assert unclear_actions(desk, asked) == []


def test_every_action_answers_to_odd_forms(desk: Client) -> None:
    forms = [
        {"index": "0"},
        {"from_page": "1"},
        {"select_across": "1", "from_page": "1"},
        {"select_across": "1", "index": "0"},
        {"select_across": "x", "index": "\x00"},
        {"index": HUGE},
        {"confirmed": "1"},
    ]

    asked = (
        (address, {"action": action, ACTION_CHECKBOX_NAME: nobodys, **form})
        for address, action, nobodys in actions()
        for form in forms
    )

    assert unclear_actions(desk, asked) == []


def test_every_list_answers_to_an_action_at_an_odd_address(desk: Client) -> None:
    rows = {address: page.model._base_manager.first() for address, page in lists()}
    asked = (
        (address + odd, {"action": action, ACTION_CHECKBOX_NAME: str(getattr(rows[address], "pk", "1"))})
        for address, action in {address: action for address, action, _ in actions()}.items()
        for odd in ("?problem=%00", "?id=x", "?q=%00", "?created_at__year=0", f"?p={HUGE}")
    )

    assert unclear_actions(desk, asked) == []


@pytest.mark.parametrize(("more", "across"), [(["x"], "1"), ([], "x")], ids=["id", "across"])
def test_a_garbled_selection_is_refused_and_nothing_is_done(
    desk: Client, more: list[str], across: str
) -> None:
    dead = PeriodicSlot.objects.get()
    chosen = {ACTION_CHECKBOX_NAME: [str(dead.pk), *more], "select_across": across}

    answer = desk.post(reverse("admin:work_periodicslot_changelist"), {"action": "revive_dead", **chosen})

    dead.refresh_from_db()
    assert (answer.status_code, dead.state) == (400, "dead")


def test_an_action_asked_for_on_a_rows_page_ends_there(desk: Client) -> None:
    dead = PeriodicSlot.objects.get()

    answer = desk.post(
        reverse("admin:work_periodicslot_changelist"),
        {"action": "revive_dead", ACTION_CHECKBOX_NAME: str(dead.pk), "from_page": "1"},
    )

    assert answer["Location"] == reverse("admin:work_periodicslot_change", args=[dead.pk])


def test_every_rows_page_answers_to_ids_that_are_none(desk: Client) -> None:
    met: set[object] = set()
    for address, admin_page in lists():
        for page in ("change", "history", "delete"):
            kind = (page, getattr(type(admin_page), f"{page}_view"), type(admin_page.opts.pk))
            if kind in met:
                continue
            met.add(kind)
            for pk in ("%00", "x", HUGE, "-1", "_2D", "_00", "%F0%9F%99%82"):
                asked = f"{address}{pk}/{page}/"
                status = desk.get(asked, {"p": "x", "_changelist_filters": "x=%00"}).status_code
                assert status in CLEAR | {403, 404}, asked


def test_a_keys_page_opens_by_its_id_in_djangos_own_spelling(desk: Client) -> None:
    key = RestrictedKey.objects.get()
    spelt = str(key.pk).replace("-", "_2D")

    assert desk.get(f"/ops/stripe_keys/restrictedkey/{spelt}/change/").status_code in CLEAR
