"""While Stripe refuses the keys of many at once no key dies; a key that is refused alone still does."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import incidents
from stripe_keys.incidents import brake
from stripe_keys.incidents.brake import Ruling
from stripe_keys.models import RestrictedKey, StripeIncident, Validation
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import (
    kept,
    known_to_stripe,
    make_due,
    pass_time,
    statuses,
    strangers_to_stripe,
    work,
)
from tests.stripe_keys.keys import AtStripe
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status
Reason = Validation.Reason


def the_brake() -> StripeIncident:
    return StripeIncident.objects.get(kind=StripeIncident.Kind.REFUSALS)


def to_ops() -> list[str]:
    return list(Notice.objects.filter(merchant=None).order_by("pk").values_list("subject", flat=True))


def at_once(count: int, command: Callable[[], object]) -> None:
    """Run `command` in so many threads that begin together."""
    begin = Barrier(count)

    def run() -> None:
        try:
            begin.wait(timeout=10)
            command()
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- It begins -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["refused", "expired"])
def test_twelve_accounts_that_are_all_refused_lose_no_key(at_stripe: AtStripe, why: str) -> None:
    if why == "refused":
        keys = strangers_to_stripe(12)
    else:
        account = at_stripe.admin.create_account()
        ended = [at_stripe.key(account) for _ in range(12)]
        keys = [kept(one.token, number) for number, one in enumerate(ended)]
        for one in ended:
            at_stripe.admin.expire_key(one.id, lag=0)

    make_due(keys)
    engine.drain("validations")
    pass_time(minutes=2)
    engine.drain("validations")

    assert statuses() == {"active": 12}
    assert the_brake().ended_at is None
    assert to_ops() == ["Incident: Stripe refuses many keys at once"]


def test_a_worker_per_key_loses_none_either(at_stripe: AtStripe) -> None:
    make_due(strangers_to_stripe(8))

    at_once(4, lambda: engine.drain("validations"))
    pass_time(minutes=2)
    at_once(4, lambda: engine.drain("validations"))

    assert statuses() == {"active": 8}
    assert len(to_ops()) == 1


def test_ends_that_stripe_announced_stop_at_the_brake_too(at_stripe: AtStripe, settings: Settings) -> None:
    make_due(strangers_to_stripe(8), reason=Reason.EXPIRY_EVENT)

    at_once(4, lambda: engine.drain("validations"))

    assert statuses() == {"active": 6, "expired": settings.KEY_BRAKE_ACCOUNTS - 1}


@pytest.mark.django_db(transaction=True)
def test_two_workers_open_one_incident_and_send_one_mail() -> None:
    def begin() -> None:
        with transaction.atomic():
            incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")

    at_once(4, begin)

    assert StripeIncident.objects.count() == len(to_ops()) == 1


def test_on_a_quiet_site_others_are_called_before_the_first_victim_dies(at_stripe: AtStripe) -> None:
    first, *_ = strangers_to_stripe(4)

    make_due([first])
    engine.drain("validations")

    assert Validation.objects.filter(reason=Reason.WITNESS).count() == 3
    assert the_brake().ended_at is None
    pass_time(minutes=2)
    engine.drain("validations")
    assert statuses() == {"active": 4}


def test_rubbish_that_strangers_paste_never_counts(at_stripe: AtStripe) -> None:
    make_due(strangers_to_stripe(8, status=Status.PENDING), reason=Reason.ADDED)

    engine.drain("validations")

    assert statuses() == {"rejected": 8}
    assert not StripeIncident.objects.exists()


# --- One key alone ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["refused", "expired"])
def test_one_merchants_dead_key_dies_once_others_were_heard(at_stripe: AtStripe, why: str) -> None:
    known_to_stripe(at_stripe, 2)
    if why == "refused":
        dead = kept(a_restricted_key(), 9)
    else:
        ended = at_stripe.key()
        dead = kept(ended.token, 9, account=ended.account)
        at_stripe.admin.expire_key(ended.id, lag=0)

    make_due([dead])
    engine.drain("validations")
    dead.refresh_from_db()
    assert (dead.status, dead.last_problem) == (Status.ACTIVE, "key_refused")

    pass_time(seconds=brake.HEARING.total_seconds() if why == "expired" else 61)
    engine.drain("validations")

    assert statuses() == {"active": 2, "expired": 1}
    assert not StripeIncident.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_was_heard_before_the_refusal_bears_no_witness(at_stripe: AtStripe) -> None:
    others = known_to_stripe(at_stripe, 2)
    make_due(others)
    engine.drain("validations")
    dead = kept(a_restricted_key(), 9)
    RestrictedKey.objects.filter(pk=dead.pk).update(first_refused_at=timezone.now())
    dead.refresh_from_db()

    with transaction.atomic():
        ruling = brake.rule(dead, is_confirmed=True, is_named=False, now=timezone.now())

    assert ruling is Ruling.LOOK_AGAIN
    assert Validation.objects.filter(reason=Reason.WITNESS, state=DueRow.State.WAITING).count() == 2


@pytest.mark.django_db(transaction=True)
def test_others_who_never_answer_are_not_waited_for_for_ever() -> None:
    strangers_to_stripe(2)
    dead = kept(a_restricted_key(), 9)
    rulings = []
    for minutes in (1, 6):
        dead.first_refused_at = timezone.now() - timedelta(minutes=minutes)
        with transaction.atomic():
            rulings.append(brake.rule(dead, is_confirmed=True, is_named=False, now=timezone.now()))

    assert rulings == [Ruling.LOOK_AGAIN, Ruling.DEAD]


# --- It holds, and ends ----------------------------------------------------------------------------------------------


def test_a_long_incident_on_a_small_site_harms_nobody_and_ends_when_keys_answer(at_stripe: AtStripe) -> None:
    keys = known_to_stripe(at_stripe, 3)
    at_stripe.admin.add_fault("unauthorized", times=None)
    make_due(keys)
    engine.drain("validations")

    for _ in range(12):
        pass_time(minutes=11)  # each look falls out of the ten minutes before the next
        brake.watch(timezone.now())
        work()
        assert (statuses(), the_brake().ended_at) == ({"active": 3}, None)

    at_stripe.admin.clear_faults()
    pass_time(minutes=15)
    work()

    assert (the_brake().ended_by, statuses()) == ("the site", {"active": 3})
    assert to_ops()[1:] == ["Over: Stripe refuses many keys at once"]
    healthy = RestrictedKey.objects.filter(consecutive_failures=0, last_problem="", first_refused_at=None)
    assert healthy.count() == 3


def test_after_the_brake_the_last_to_be_held_are_refused_twice_anew_before_they_die(
    at_stripe: AtStripe,
) -> None:
    fine, dead = known_to_stripe(at_stripe, 3), kept(a_restricted_key(), 9)
    at_stripe.admin.add_fault("unauthorized", times=None)
    make_due([*fine, dead])
    engine.drain("validations")
    at_stripe.admin.clear_faults()
    pass_time(minutes=5)
    work()
    assert the_brake().ended_by == "the site"

    make_due([dead])
    engine.drain("validations")
    assert statuses() == {"active": 4}
    pass_time(seconds=61)
    engine.drain("validations")
    assert statuses() == {"active": 3, "expired": 1}


def test_ops_can_say_that_the_keys_are_really_gone(at_stripe: AtStripe) -> None:
    keys = strangers_to_stripe(4)
    make_due(keys)
    engine.drain("validations")

    assert incidents.end(StripeIncident.Kind.REFUSALS, by="olga@example.com")
    assert statuses() == {"active": 4}, "ending the brake kills nobody by itself"
    pass_time(minutes=2)
    make_due(keys)
    engine.drain("validations")

    assert statuses() == {"expired": 4}
    assert StripeIncident.objects.count() == 1, "nobody brakes what ops have let go"


def test_a_few_dead_keys_among_many_do_not_keep_the_brake_on(settings: Settings, db: None) -> None:
    settings.KEY_BRAKE_SHARE = 0.5
    keys = strangers_to_stripe(8)
    for key in keys:
        Validation.objects.create(
            key=key, merchant_id=key.merchant_id, lane="x", reason=Reason.WITNESS, state="done",
            verdict="active", finished_at=timezone.now(),
        )  # fmt: skip
    incidents.begin(StripeIncident.Kind.REFUSALS, "5 of 8")
    StripeIncident.objects.update(began_at=timezone.now() - timedelta(minutes=2))
    RestrictedKey.objects.filter(pk__in=[key.pk for key in keys[:5]]).update(first_refused_at=timezone.now())

    brake.watch(timezone.now())
    assert the_brake().ended_at is None
    RestrictedKey.objects.filter(pk=keys[0].pk).update(first_refused_at=None)
    brake.watch(timezone.now())

    assert the_brake().ended_at is not None


def test_while_the_brake_is_on_more_accounts_are_heard(db: None) -> None:
    strangers_to_stripe(3)
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")
    StripeIncident.objects.update(began_at=timezone.now() - timedelta(minutes=2))
    refused = [kept(a_restricted_key(), 20 + number) for number in range(3)]
    RestrictedKey.objects.filter(pk__in=[key.pk for key in refused]).update(first_refused_at=timezone.now())

    brake.watch(timezone.now())

    assert Validation.objects.filter(reason=Reason.WITNESS).count() == 3
