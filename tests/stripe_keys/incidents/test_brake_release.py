"""How the brake ends: a few dead keys do not keep everybody's alive, and what ops say holds until it is done."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from stripe_keys import incidents
from stripe_keys.incidents import brake
from stripe_keys.incidents.brake import Ruling
from stripe_keys.models import RestrictedKey, StripeIncident, Validation
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import (
    kept,
    known_to_stripe,
    make_due,
    never_asked_about,
    pass_time,
    statuses,
    work,
)
from tests.stripe_keys.keys import AtStripe
from work import engine
from work.models import DueRow

Kind = StripeIncident.Kind
Reason = Validation.Reason


def the_brake() -> StripeIncident:
    return StripeIncident.objects.get(kind=Kind.REFUSALS)


def said(keys: Iterable[RestrictedKey], verdict: str, *, ago: timedelta = timedelta(minutes=5)) -> None:
    """Let checks of these keys, as witnesses, have ended so a while ago."""
    Validation.objects.bulk_create(
        Validation(
            key=key,
            merchant_id=key.merchant_id,
            lane=str(key.merchant_id),
            reason=Reason.WITNESS,
            state=DueRow.State.DONE,
            verdict=verdict,
            finished_at=timezone.now() - ago,
        )
        for key in keys
    )


def refuse(keys: Iterable[RestrictedKey], *, since: datetime | None = None) -> None:
    """Let Stripe refuse these keys now."""
    which = RestrictedKey.objects.filter(pk__in=[key.pk for key in keys])
    which.update(first_refused_at=since or timezone.now(), last_problem="refused_with_many")


def brake_since(**ago: float) -> None:
    incidents.begin(Kind.REFUSALS, "some of some")
    StripeIncident.objects.update(began_at=timezone.now() - timedelta(**ago))


@pytest.mark.parametrize(
    ("refused", "answering", "others", "ends"),
    [
        (3, 0, 0, False),
        (3, 4, 4, False),
        (3, 6, 7, True),
        (3, 4, 7, False),
        (3, 20, 60, True),
        (3, 19, 60, False),
        (10, 40, 50, True),
        (20, 40, 40, False),
    ],
)
def test_a_few_that_are_refused_among_many_that_answer_end_the_brake(
    db: None, refused: int, answering: int, others: int, ends: bool
) -> None:
    keys = never_asked_about(refused + others)
    refuse(keys[:refused], since=timezone.now() - timedelta(hours=1))
    said(keys[refused : refused + answering], "active")
    brake_since(minutes=11)

    brake.watch(timezone.now())

    assert (the_brake().ended_at is not None) is ends


@pytest.mark.parametrize("verdict", ["held", "refused_once", "expired"])
def test_one_more_that_turns_out_to_be_refused_keeps_it_on(db: None, verdict: str) -> None:
    keys = never_asked_about(25)
    refuse(keys[:4])
    said(keys[3:4], verdict)
    said(keys[4:], "active")
    brake_since(minutes=11)

    brake.watch(timezone.now())
    assert the_brake().ended_at is None

    Validation.objects.filter(verdict=verdict).update(finished_at=timezone.now() - timedelta(minutes=11))
    brake.watch(timezone.now())
    assert the_brake().ended_at is not None


def test_the_others_are_heard_for_a_whole_window_first(db: None) -> None:
    keys = never_asked_about(25)
    refuse(keys[:3])
    said(keys[3:], "active")
    brake_since(minutes=9)

    brake.watch(timezone.now())

    assert the_brake().ended_at is None


def test_a_short_window_does_not_keep_the_brake_on_for_ever(db: None, settings: Settings) -> None:
    settings.KEY_BRAKE_WINDOW_SECONDS = 60
    keys = never_asked_about(25)
    refuse(keys[:3])
    said(keys[3:], "active")
    brake_since(minutes=11)

    brake.watch(timezone.now())

    assert the_brake().ended_at is not None


def test_every_account_has_its_turn_as_a_witness(db: None) -> None:
    now = timezone.now()
    keys = never_asked_about(4)
    for number, key in enumerate(keys):
        RestrictedKey.objects.filter(pk=key.pk).update(last_checked_at=now - timedelta(hours=number))

    brake.call_witnesses(2, now)

    called = Validation.objects.filter(reason=Reason.WITNESS).values_list("key", flat=True)
    assert set(called) == {keys[2].pk, keys[3].pk}


def test_three_dead_accounts_hold_the_brake_for_a_window_and_then_their_keys_die(at_stripe: AtStripe) -> None:
    dead = [kept(a_restricted_key(), 100 + number) for number in range(3)]
    known_to_stripe(at_stripe, 8)
    make_due(dead)
    engine.drain("validations")
    engine.drain("validations")
    assert the_brake().ended_at is None

    for _ in range(6):
        pass_time(minutes=4)
        work()

    assert the_brake().ended_by == brake.BY_THE_OTHERS
    assert statuses() == {"active": 8, "expired": 3}
    assert StripeIncident.objects.count() == 1, "no new one begins for the same accounts"


def test_accounts_that_the_brake_was_ended_without_count_again_once_they_were_accepted(db: None) -> None:
    keys = never_asked_about(9)
    now = timezone.now()
    StripeIncident.objects.create(kind=Kind.REFUSALS, ended_at=now, ended_by=brake.BY_THE_OTHERS)
    StripeIncident.objects.update(began_at=now - timedelta(minutes=20))
    said(keys[:3], "held")
    refuse(keys[:3])
    assert not brake.refusals(now).are_too_many

    RestrictedKey.objects.filter(pk__in=[key.pk for key in keys[:3]]).update(last_ok_at=now)

    assert brake.refusals(now).are_too_many


# --- What ops say ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("hours", "is_left", "expected"),
    [(0.5, False, Ruling.DEAD), (5, True, Ruling.DEAD), (5, False, Ruling.HOLD), (25, True, Ruling.HOLD)],
)
def test_ops_word_holds_until_the_held_keys_are_done(hours: float, is_left: bool, expected: Ruling) -> None:
    now = timezone.now()
    keys = never_asked_about(5)
    said_at = now - timedelta(hours=hours)
    StripeIncident.objects.create(kind=Kind.REFUSALS, ended_at=said_at, ended_by="olga@example.com")
    refuse(keys[:4], since=now - timedelta(minutes=2))
    if is_left:
        refuse(keys[4:], since=said_at - timedelta(minutes=1))
    key = keys[0]
    key.refresh_from_db()

    with transaction.atomic():
        assert brake.rule(key, is_confirmed=True, is_named=False, now=now) is expected
