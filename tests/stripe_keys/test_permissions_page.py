"""The report on a key: what the app needs, what the key can do beyond that, and what it is used for."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys import surveys
from stripe_keys.models import KeyUsage, PermissionCheck, RestrictedKey, Validation
from stripe_keys.portrait import least_privilege
from stripe_keys.sentences import edit_link
from tests.stripe_keys.rows import ACCOUNT, ALL_GRANTED, a_check, a_key
from work.models import DueRow

pytestmark = pytest.mark.django_db
LOOK = "Look for rights beyond what we need"


def surveyed(user: User, outcomes: dict[str, str], **fields: Any) -> RestrictedKey:
    """A key of `user`'s that was checked, and surveyed yesterday with these outcomes; the others are missing."""
    key = a_key(user, last_surveyed_at=timezone.now() - timedelta(days=1), **fields)
    a_check(key, ALL_GRANTED)
    all_missing = {probe.permission: "missing" for probe in surveys.questions()}
    row = a_check(key, all_missing | outcomes)
    Validation.objects.filter(pk=row.pk).update(reason=Validation.Reason.SURVEY, verdict=surveys.SURVEYED)
    return key


def used(key: RestrictedKey, template: str, count: int, *, days_ago: int = 0, **more: str) -> None:
    """So many calls on one day."""
    day = timezone.now().date() - timedelta(days=days_ago)
    call = {"method": "GET", "outcome": "ok"} | more
    KeyUsage.objects.create(key=key, day=day, template=template, count=count, **call)


def report_of(key: RestrictedKey) -> least_privilege.Report:
    key.refresh_from_db()
    return least_privilege.draw(key, now=timezone.now())


def report_page(browser: Client, key: RestrictedKey) -> str:
    """The page as text."""
    address = reverse("stripe_keys:key_permissions", args=[key.pk])
    return unescape(browser.get(address).content.decode())


# --- What we need ----------------------------------------------------------------------------------------------------


def test_it_lists_what_we_need_with_purposes_what_is_missing_first(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "limited", stripe_key_id="mk_1SomeKey")
    a_check(key, ALL_GRANTED | {"payout_read": "missing", "plan_read": "unknown"})

    page = report_page(adas_browser, key)

    assert "10 of 12 granted" in page
    assert [line.permission for line in report_of(key).needs[:2]] == ["payout_read", "plan_read"]
    assert "Matches payouts with the deposits" in page
    assert "Could not be checked" in page
    assert edit_link(key) in page


def test_the_key_page_leads_to_the_report(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    a_check(key, ALL_GRANTED)

    page = adas_browser.get(reverse("stripe_keys:key_detail", args=[key.pk])).content.decode()

    assert reverse("stripe_keys:key_permissions", args=[key.pk]) in page


# --- More than we need -----------------------------------------------------------------------------------------------


def test_a_key_that_was_never_surveyed_offers_it(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)

    page = report_page(adas_browser, key)
    answer = adas_browser.post(reverse("stripe_keys:survey_key", args=[key.pk]))
    then = report_page(adas_browser, key)

    assert LOOK in page
    assert answer.status_code == 303
    assert Validation.objects.surveys().get().key_id == key.pk
    assert "Asking Stripe about" in then
    assert 'hx-trigger="every 3s"' in then
    assert LOOK not in then


def test_asking_again_at_once_is_refused_in_words(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    address = reverse("stripe_keys:survey_key", args=[key.pk])
    adas_browser.post(address)

    page = adas_browser.post(address, follow=True).content.decode()

    assert re.search(r"You can have us look again in \d\d seconds", page)
    assert Validation.objects.surveys().count() == 1


def test_it_names_what_is_too_much_by_resource_and_right_and_how_to_shrink_it(
    adas_browser: Client, ada: User
) -> None:
    too_much = {"coupon_read": "granted", "coupon_write": "granted", "event_read": "granted"}
    key = surveyed(ada, too_much, stripe_key_id="mk_1SomeKey")

    page = report_page(adas_browser, key)

    report = report_of(key)
    found = {one.label: one.access for section in report.beyond for one in section.resources}
    assert found == {"Coupons": "write", "Events": "read"}
    assert (report.excess, report.writable_excess) == (2, 1)
    assert "and 2 that we do not need" in page
    assert page.count(edit_link(key)) == 1
    assert "Look again" in page


def test_a_key_with_nothing_beyond_is_told_so(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {"event_read": "unknown"})

    page = report_page(adas_browser, key)

    assert "found none that this key has" in page
    assert "Of 1 permission Stripe’s answer did not tell" in page
    assert "more</span>" not in page


def test_what_comes_along_with_something_needed_is_not_too_much(ada: User) -> None:
    asked = {probe.permission for probe in surveys.questions()}

    assert "invoice_read" in ALL_GRANTED
    assert "credit_note_read" not in asked
    assert "credit_note_write" in asked
    assert not asked & set(ALL_GRANTED)


def test_a_permission_that_we_came_to_need_is_not_too_much(ada: User) -> None:
    key = surveyed(ada, {})
    row = key.validations.latest("pk")
    PermissionCheck.objects.filter(key=key, permission="payout_read").update(validation=row)

    assert report_of(key).excess == 0


# --- What it is used for ---------------------------------------------------------------------------------------------


def test_without_a_call_nothing_is_called_unused(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {})

    page = report_page(adas_browser, key)

    assert "No call with this key has been counted yet" in page
    assert report_of(key).unused == []


def test_calls_are_counted_by_permission_over_thirty_days(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {})
    used(key, "/v1/customers/{customer}", 1200)
    used(key, "/v1/customers", 34, days_ago=29)
    used(key, "/v1/customers", 5000, days_ago=30)
    used(key, "/v1/payouts", 3, outcome="forbidden")
    used(key, "other", 7)

    page = report_page(adas_browser, key)

    usage = report_of(key).usage
    assert [(one.permission, one.calls, one.refused) for one in usage.used] == [
        ("customer_read", 1234, 0),
        ("payout_read", 3, 3),
    ]
    assert (usage.is_whole, usage.other_calls) == (True, 7)
    assert "1,234" in page
    assert "Tried and refused" in page
    assert "Payouts (read), 3 times" in page
    assert "7 more calls of which we do not know the permission" in page


def test_granted_and_unused_is_said_of_thirty_days_only_when_it_is_so(
    adas_browser: Client, ada: User, eve: User, eves_browser: Client
) -> None:
    young, old = surveyed(ada, {}), surveyed(eve, {})
    used(young, "/v1/customers", 1, days_ago=3)
    used(old, "/v1/customers", 1, days_ago=40)

    pages = report_page(adas_browser, young), report_page(eves_browser, old)

    assert "Granted and not used so far" in pages[0]
    assert "this does not say much yet" in pages[0]
    assert "Granted and not used in 30 days" in pages[1]
    unused = {one.permission for one in report_of(young).unused}
    not_for_checks = set(ALL_GRANTED) - {"connected_account_read"}
    assert unused == not_for_checks - {"customer_read"}
    assert {one.permission for one in report_of(old).unused} == not_for_checks


def test_a_call_that_needs_more_than_we_ask_for_stands_out(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {})
    used(key, "/v1/coupons", 1, method="POST")

    assert "Not on our list" in report_page(adas_browser, key)


# --- Whose business it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("pending", {}),
        ("pending", {"stripe_account_id": ACCOUNT, "awaits_account_confirmation": True}),
        ("rejected", {"last_problem": "not_usable"}),
        ("rejected", {"last_problem": "other_account", "stripe_account_id": ACCOUNT}),
        ("removed", {}),
    ],
)
def test_nothing_is_told_of_a_key_that_was_never_proven(
    adas_browser: Client, ada: User, status: str, fields: dict[str, Any]
) -> None:
    key = a_key(ada, status, **fields)
    a_check(key, {"coupon_write": "granted"})
    pages = [reverse(f"stripe_keys:{name}", args=[key.pk]) for name in ("key_permissions", "key_detail")]

    report, own = adas_browser.get(pages[0]), adas_browser.get(pages[1])
    adas_browser.post(reverse("stripe_keys:survey_key", args=[key.pk]))

    assert (report.status_code, report["Location"]) == (302, pages[1])
    assert pages[0] not in own.content.decode()
    assert not Validation.objects.surveys().exists()


def test_a_key_that_served_and_ended_keeps_its_report_without_a_button(
    adas_browser: Client, ada: User
) -> None:
    key = surveyed(ada, {"coupon_read": "granted"}, status="expired", last_ok_at=timezone.now())

    page = report_page(adas_browser, key)

    assert "could</h1>" in page.replace(" do</h1>", "</h1>")
    assert "Coupons" in page
    assert "/survey/" not in page


@pytest.mark.parametrize("moment", ["suspended_at", "quarantined_at"])
def test_a_key_out_of_use_is_not_looked_at(adas_browser: Client, ada: User, moment: str) -> None:
    fields: dict[str, Any] = {moment: timezone.now()}
    key = a_key(ada, **fields)

    page = report_page(adas_browser, key)
    then = adas_browser.post(reverse("stripe_keys:survey_key", args=[key.pk]), follow=True).content.decode()

    assert "While the key is not in use" in page
    assert "This key is not in use, so there is nothing to look for." in then
    assert not Validation.objects.surveys().exists()


def test_eve_gets_404_for_adas_report_and_survey(eves_browser: Client, ada: User) -> None:
    key = a_key(ada)

    seen = eves_browser.get(reverse("stripe_keys:key_permissions", args=[key.pk]))
    asked = eves_browser.post(reverse("stripe_keys:survey_key", args=[key.pk]))

    assert (seen.status_code, asked.status_code) == (404, 404)
    assert not Validation.objects.exists()


def test_while_a_survey_goes_on_what_was_known_stays(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {"coupon_read": "granted"})
    row = a_check(key, {}, state=DueRow.State.CLAIMED)
    Validation.objects.filter(pk=row.pk).update(reason=Validation.Reason.SURVEY)

    page = report_page(adas_browser, key)

    assert "Asking Stripe about" in page
    assert "Coupons" in page
    assert "Look again" not in page


def test_ops_see_the_same_report_on_the_keys_page(olgas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {"coupon_write": "granted"})
    used(key, "/v1/payouts", 3, outcome="forbidden")
    used(key, "/v1/refunds", 2, method="POST")

    address = reverse("admin:stripe_keys_restrictedkey_change", args=[key.pk])
    page = " ".join(unescape(olgas_browser.get(address).content.decode()).split())

    assert "12 of 12 granted" in page
    assert "Coupons: write" in page
    assert "Payouts: read 3 times, 3 refused" in page
    assert "Charges and refunds: write 2 times, not in the manifest" in page
    assert "Granted, not used:</strong> Balance: read" in page
