"""Regular checks: planned at a steady rate, spread, the doubtful sooner, and by any number of workers at once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import permissions, sweeps
from stripe_keys.models import KeyUsage, PermissionCheck, RestrictedKey, StripeIncident, Validation
from work.models import DueRow

Status = RestrictedKey.Status
DAY = timedelta(days=1)


def keys_due(count: int, *, overdue: timedelta = timedelta(seconds=1)) -> list[RestrictedKey]:
    """So many merchants' active keys whose next check is due, the first the most overdue."""
    now = timezone.now()
    merchants = Merchant.objects.bulk_create([Merchant(name=f"Merchant {number}") for number in range(count)])
    return RestrictedKey.objects.bulk_create(
        [
            RestrictedKey(
                merchant=merchant,
                livemode=True,
                status=Status.ACTIVE,
                stripe_account_id=f"acct_1Swept{number:06}",
                last4="0000",
                fingerprint=f"{number:032}".encode(),
                fingerprint_key_id="f1",
                next_check_at=now - overdue - timedelta(seconds=count - number),
            )
            for number, merchant in enumerate(merchants)
        ]
    )


def planned() -> list[Validation]:
    """The checks that wait, the first to be due first."""
    return list(Validation.objects.filter(state=DueRow.State.WAITING).order_by("due_at"))


@pytest.mark.django_db
def test_a_herd_is_planned_at_the_rate_the_most_overdue_first(settings: Settings) -> None:
    settings.KEY_SWEEP_REQUESTS_PER_SECOND = 10
    keys = keys_due(60)
    now = timezone.now()

    count = sweeps.plan(now)

    per_second = 10 / (len(permissions.required()) + 2)
    assert count == int(per_second * sweeps.PLANNED_EVERY_SECONDS)
    assert [check.key_id for check in planned()] == [key.pk for key in keys[:count]]


@pytest.mark.django_db
def test_what_is_planned_is_spread_evenly_and_not_in_step() -> None:
    keys_due(100)
    now = timezone.now()

    sweeps.plan(now, limit=100)

    step = sweeps.PLANNED_EVERY_SECONDS / 100
    places = [(check.due_at - now).total_seconds() / step for check in planned()]
    assert [int(place) for place in places] == list(range(100)), "one in each hundredth of the time"
    assert len({round(place % 1, 3) for place in places}) > 50, "each at a moment of its own within it"


@pytest.mark.django_db
def test_a_key_with_an_open_check_or_an_open_question_is_left_alone() -> None:
    checked, asked_whose, asked_for_id, surveyed = keys_due(4)
    now = timezone.now()
    for key, reason in ((checked, Validation.Reason.CHECK_NOW), (surveyed, Validation.Reason.SURVEY)):
        Validation.objects.create(
            key=key, merchant_id=key.merchant_id, lane=str(key.merchant_id), reason=reason
        )
    RestrictedKey.objects.filter(pk=asked_whose.pk).update(awaits_account_confirmation=True)
    RestrictedKey.objects.filter(pk=asked_for_id.pk).update(awaits_account_id=True)

    assert sweeps.plan(now) == 1
    assert Validation.objects.get(reason=Validation.Reason.PERIODIC).key_id == surveyed.pk


@pytest.mark.django_db
def test_ended_keys_are_never_planned() -> None:
    [key] = keys_due(1)
    RestrictedKey.objects.filter(pk=key.pk).update(status=Status.EXPIRED)

    assert sweeps.plan(timezone.now()) == 0


@pytest.mark.django_db
def test_nothing_is_planned_while_stripe_is_down() -> None:
    keys_due(1)
    StripeIncident.objects.create(kind=StripeIncident.Kind.OUTAGE, evidence="5 of 5")

    assert sweeps.plan(timezone.now()) == 0


@pytest.mark.django_db(transaction=True)
def test_two_planners_at_the_same_moment_plan_each_key_once() -> None:
    keys_due(10)
    now = timezone.now()
    counts: list[int] = []

    def plan_too() -> None:
        counts.append(sweeps.plan(now))
        connection.close()

    with transaction.atomic():
        counts.append(sweeps.plan(now))  # planned, and not committed yet
        other = threading.Thread(target=plan_too)
        other.start()
        other.join(timeout=10)
    counts.append(sweeps.plan(now))

    assert counts == [10, 0, 0]
    assert Validation.objects.count() == 10


# --- When a key is looked at again -----------------------------------------------------------------------------------


@pytest.fixture
def settled_key(ada: User) -> RestrictedKey:
    """An active key, in use, that has been here for long."""
    now = timezone.now()
    [key] = keys_due(1)
    RestrictedKey.objects.filter(pk=key.pk).update(created_at=now - 100 * DAY)
    KeyUsage.objects.create(
        key=key, day=now.date(), method="get", template="/v1/charges", outcome="ok", count=1
    )
    key.refresh_from_db()
    return key


def shares(key: RestrictedKey) -> tuple[float, float]:
    """The shortest and the longest of many waits for the next check, as shares of a day."""
    now = timezone.now()
    waits = [(sweeps.next_check(key, now) - now) / DAY for _ in range(200)]
    return min(waits), max(waits)


def test_a_settled_key_is_looked_at_in_the_last_fifth_of_its_day(settled_key: RestrictedKey) -> None:
    shortest, longest = shares(settled_key)

    assert 0.8 <= shortest < 0.84
    assert 0.96 < longest <= 1.0


@pytest.mark.parametrize(
    "what",
    [
        {"consecutive_failures": 1},
        {"first_refused_at": timezone.now()},
        {"status": Status.LIMITED},
        {"rotated_at": timezone.now()},
        {"created_at": timezone.now()},
    ],
    ids=["failed", "refused", "limited", "rotated", "new"],
)
def test_where_a_change_is_likely_the_next_look_comes_sooner(
    settled_key: RestrictedKey, what: dict[str, object]
) -> None:
    RestrictedKey.objects.filter(pk=settled_key.pk).update(**what)
    settled_key.refresh_from_db()

    assert shares(settled_key)[1] <= 0.5


def test_a_key_that_nobody_uses_is_looked_at_sooner(settled_key: RestrictedKey) -> None:
    KeyUsage.objects.update(day=timezone.now().date() - 31 * DAY)

    assert shares(settled_key)[1] <= 0.75


def test_an_expiring_key_is_looked_at_right_after_its_end(settled_key: RestrictedKey) -> None:
    now = timezone.now()
    settled_key.expires_at = now + timedelta(minutes=5)

    assert sweeps.next_check(settled_key, now) == settled_key.expires_at + timedelta(seconds=1)


# --- What is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_old_checks_are_forgotten_unless_they_hold_what_is_known_of_a_permission() -> None:
    [key] = keys_due(1)
    now = timezone.now()

    def a_check(ended: timedelta) -> Validation:
        return Validation.objects.create(
            key=key,
            merchant_id=key.merchant_id,
            lane=str(key.merchant_id),
            reason=Validation.Reason.PERIODIC,
            state=DueRow.State.DONE,
            finished_at=now - ended,
        )

    a_check(31 * DAY)
    telling, recent = a_check(31 * DAY), a_check(29 * DAY)
    PermissionCheck.objects.create(key=key, validation=telling, permission="charge_read", outcome="granted")

    assert sweeps.forget_old_checks(now) == 1
    assert set(Validation.objects.all()) == {telling, recent}
