"""Surveys: what a key can do beyond what we need, asked at leisure, deciding nothing."""

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import catalogue, gateway, lifecycle, pace, services, surveys, tasks
from stripe_keys.models import (
    AccountPace,
    DatabaseRestore,
    PermissionCheck,
    RestrictedKey,
    StripeIncident,
    Validation,
)
from tests.stripe_keys.keys import REQUIRED, AtStripe, StripeKey
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import a_key
from tests.waiting import eventually
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status
MORE = ["coupon_read", "event_read"]
NOT_HEALTH = {"last_surveyed_at"}


def usable(ada: User, at_stripe: AtStripe) -> tuple[StripeKey, RestrictedKey]:
    """A key that can do a little more than the app needs, proven."""
    stripe_key = at_stripe.bound_key(ada, permissions=[*REQUIRED, *MORE])
    return stripe_key, proven(ada, stripe_key)


def ask(key: RestrictedKey, user: User) -> Validation:
    """The row of the survey that the user asks for."""
    surveys.request(key=key, user=user, now=timezone.now())
    return Validation.objects.surveys().latest("pk")


def one_run(row: Validation, *, free_at: timedelta = timedelta(hours=-1)) -> Validation:
    """Let a worker do what is due of the survey, now, with a full budget if no other is asked for."""
    Validation.objects.filter(pk=row.pk).update(due_at=timezone.now())
    AccountPace.objects.update(free_at=timezone.now() + free_at)
    engine.drain("validations")
    row.refresh_from_db()
    return row


def drain_elsewhere() -> None:
    """What a worker does, in a thread of its own."""
    engine.drain("validations")
    connection.close()


def a_claim(row: Validation) -> Validation:
    """The row, claimed."""
    return engine.claim("validations", lane=row.lane)[0]


def facts(key: RestrictedKey) -> dict[str, object]:
    """Everything about the key but when it was surveyed."""
    row = RestrictedKey.objects.values().get(pk=key.pk)
    return {name: value for name, value in row.items() if name not in NOT_HEALTH}


def found(key: RestrictedKey) -> dict[str, str]:
    """What is known of the key beyond what is needed."""
    rows = PermissionCheck.objects.filter(key=key).exclude(permission__in=REQUIRED)
    return dict(rows.values_list("permission", "outcome"))


def test_it_finds_what_the_key_can_do_beyond_and_changes_nothing_else(ada: User, at_stripe: AtStripe) -> None:
    _, key = usable(ada, at_stripe)
    before = facts(key)

    row = one_run(ask(key, ada))

    assert (row.state, row.verdict) == (DueRow.State.DONE, surveys.SURVEYED)
    granted = {name for name, outcome in found(key).items() if outcome == "granted"}
    assert granted == set(MORE)
    assert set(found(key)) == {probe.permission for probe in surveys.questions()}
    assert set(
        PermissionCheck.objects.filter(key=key, outcome="missing").values_list("permission", flat=True)
    )
    assert facts(key) == before
    key.refresh_from_db()
    assert key.last_surveyed_at is not None


def test_each_run_stays_within_the_budget_and_the_next_goes_on(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    stripe_key, key = usable(ada, at_stripe)
    settings.STRIPE_RATE_TEST = 25
    row, portion = ask(key, ada), pace.at_once(livemode=False)
    before = len(at_stripe.admin.requests(key=stripe_key.id))
    refilled_after, began = timedelta(seconds=3), timezone.now()

    one_run(row)
    after_one = len(at_stripe.admin.requests(key=stripe_key.id)) - before
    spent_until = AccountPace.objects.get().free_at
    one_run(row, free_at=refilled_after)
    after_two = len(at_stripe.admin.requests(key=stripe_key.id)) - before

    assert after_one == portion == 15
    assert spent_until >= began + refilled_after
    assert after_two == portion, "the budget was spent, and nobody waited for it"
    assert (row.state, row.problem) == (DueRow.State.WAITING, "BudgetSpent")
    while row.state == DueRow.State.WAITING:
        asked = len(at_stripe.admin.requests(key=stripe_key.id))
        one_run(row)
        assert len(at_stripe.admin.requests(key=stripe_key.id)) - asked <= portion
    assert row.verdict == surveys.SURVEYED
    asked = len(at_stripe.admin.requests(key=stripe_key.id)) - before
    assert asked == len(surveys.questions()), "each question once"


def test_no_run_can_outlast_its_lease(settings: Settings) -> None:
    longest = gateway.CONNECT_SECONDS + settings.STRIPE_TIMEOUT_SECONDS

    assert 2 * longest < tasks.VALIDATIONS.lease.total_seconds()


def test_a_check_goes_before_the_rest_of_a_survey(ada: User, at_stripe: AtStripe, settings: Settings) -> None:
    _, key = usable(ada, at_stripe)
    settings.STRIPE_RATE_TEST = 25
    row = one_run(ask(key, ada))
    settings.STRIPE_RATE_TEST = 1e6
    RestrictedKey.objects.update(last_checked_at=timezone.now() - timedelta(hours=1))
    Validation.objects.checks().update(created_at=timezone.now() - timedelta(hours=1))

    services.revalidate(key=key, user=ada, now=timezone.now())
    one_run(row)

    check = Validation.objects.checks().latest("pk")
    assert (check.reason, check.verdict) == (Validation.Reason.CHECK_NOW, "active")
    assert row.verdict == surveys.SURVEYED
    assert check.finished_at
    assert row.finished_at
    assert check.finished_at < row.finished_at


def test_a_check_does_not_swallow_a_survey_nor_a_survey_a_check(ada: User, at_stripe: AtStripe) -> None:
    _, key = usable(ada, at_stripe)
    survey = ask(key, ada)

    lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=timezone.now())

    waiting = Validation.objects.filter(key=key, state=DueRow.State.WAITING)
    assert {one.reason for one in waiting} == {Validation.Reason.SURVEY, Validation.Reason.EVENT}
    survey.refresh_from_db()
    assert survey.priority == lifecycle.LEISURELY


@pytest.mark.parametrize("kind", ["unauthorized", "expired"])
def test_a_refusal_of_the_key_ends_it_and_has_the_key_checked(
    ada: User, at_stripe: AtStripe, kind: str
) -> None:
    stripe_key, key = usable(ada, at_stripe)
    if kind == "expired":
        at_stripe.admin.expire_key(stripe_key.id, lag=0)
    else:
        at_stripe.admin.add_fault("unauthorized", key=stripe_key.id, path="/v1/coupons")

    row = one_run(ask(key, ada))

    assert row.verdict == surveys.REFUSED
    assert found(key) == {}
    check = Validation.objects.checks().latest("pk")
    assert check.reason == Validation.Reason.USE_REFUSED
    assert check.verdict == ("expired" if kind == "expired" else "active")


def test_a_key_that_names_another_account_is_checked(ada: User, at_stripe: AtStripe) -> None:
    _, key = usable(ada, at_stripe)
    RestrictedKey.objects.filter(pk=key.pk).update(stripe_account_id="acct_1AnotherOne0000")

    row = one_run(ask(key, ada))

    assert row.verdict == surveys.REFUSED
    assert found(key) == {}
    assert Validation.objects.checks().latest("pk").reason == Validation.Reason.USE_REFUSED


def test_without_answers_it_waits_and_marks_nothing(ada: User, at_stripe: AtStripe) -> None:
    stripe_key, key = usable(ada, at_stripe)
    before = facts(key)
    at_stripe.admin.add_fault("rate_limit", key=stripe_key.id, path="/v1/coupons", times=None)

    row = one_run(ask(key, ada))

    assert (row.state, row.problem) == (DueRow.State.WAITING, "NoAnswers")
    assert row.due_at > timezone.now() + timedelta(minutes=2)
    assert facts(key) == before
    assert "coupon_read" not in found(key)
    assert found(key)["event_read"] == "granted"
    Validation.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=7))
    assert one_run(row).verdict == surveys.SURVEYED
    assert found(key)["coupon_read"] == "unknown"


def test_a_key_that_ended_meanwhile_makes_it_moot(ada: User, at_stripe: AtStripe, settings: Settings) -> None:
    _, key = usable(ada, at_stripe)
    settings.STRIPE_RATE_TEST = 25
    waiting = one_run(ask(key, ada))
    known = found(key)

    services.remove(key=key, user=ada, now=timezone.now())

    waiting.refresh_from_db()
    assert (waiting.state, waiting.verdict) == (DueRow.State.DONE, surveys.MOOT)
    assert found(key) == known


def test_nothing_is_written_of_a_key_that_ends_while_stripe_is_asked(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    # May do everything, so that there would be something to write, whatever portion is drawn.
    stripe_key = at_stripe.bound_key(ada, permissions=list(catalogue.PROBES))
    key = proven(ada, stripe_key)
    settings.STRIPE_RATE_TEST = 25
    row, before = ask(key, ada), len(at_stripe.admin.requests(key=stripe_key.id))
    worker = Thread(target=drain_elsewhere)

    try:
        with transaction.atomic():  # until the key has ended, the worker can write nothing about it
            RestrictedKey.objects.select_for_update(no_key=True).get(pk=key.pk)
            worker.start()
            eventually(lambda: len(at_stripe.admin.requests(key=stripe_key.id)) > before)
            services.remove(key=key, user=ada, now=timezone.now())
    finally:
        worker.join()

    assert found(key) == {}
    assert one_run(row).verdict == surveys.MOOT


@pytest.mark.django_db
def test_a_survey_that_is_dead_says_nothing_about_the_key(ada: User) -> None:
    key = a_key(ada)
    before = facts(key)

    engine.bury(tasks.VALIDATIONS, a_claim(ask(key, ada)), "TakenOverTooOften")

    assert facts(key) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("pending", {}),
        ("pending", {"stripe_account_id": "acct_1Unconfirmed", "awaits_account_confirmation": True}),
        ("rejected", {}),
        ("removed", {}),
        ("active", {"suspended_at": timezone.now()}),
        ("active", {"quarantined_at": timezone.now()}),
        ("active", {"account_is_claimed": True}),
    ],
)
def test_only_keys_in_use_are_surveyed(ada: User, status: str, fields: dict[str, Any]) -> None:
    key = a_key(ada, status, **fields)
    row = Validation.objects.create(
        key=key, merchant_id=key.merchant_id, lane=str(key.merchant_id), reason=Validation.Reason.SURVEY
    )

    assert one_run(row).verdict == surveys.MOOT
    Validation.objects.all().delete()
    assert surveys.plan(timezone.now(), limit=10) == 0
    with pytest.raises(surveys.NotInUse):
        surveys.request(key=key, user=ada, now=timezone.now())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", [*StripeIncident.Kind, "restore"])
def test_it_waits_for_calm(ada: User, trouble: str) -> None:
    key = a_key(ada)
    row = ask(key, ada)
    if trouble == "restore":
        DatabaseRestore.objects.create()
    else:
        StripeIncident.objects.create(kind=trouble, evidence="test")

    one_run(row)

    assert row.state == DueRow.State.WAITING
    assert row.due_at > timezone.now() + timedelta(minutes=2)
