"""While Stripe answers nobody, checks are put off and nothing is marked; one try every ten seconds finds out."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Notice, User
from stripe_keys import incidents
from stripe_keys.models import AccountPace, RestrictedKey, StripeIncident, Validation
from tests.stripe_keys.fleet import (
    check_each,
    known_to_stripe,
    make_due,
    never_asked_about,
    pass_time,
    statuses,
)
from tests.stripe_keys.keys import AtStripe, paste
from tests.stripe_keys.rows import a_key
from work import engine
from work.models import DueRow

Kind = StripeIncident.Kind
A_WHILE = timedelta(seconds=1)


def is_down() -> bool:
    return StripeIncident.objects.filter(kind=Kind.OUTAGE, ended_at=None).exists()


def found(keys: Iterable[RestrictedKey], verdict: str, *, ago: timedelta = A_WHILE) -> None:
    """Let checks of these keys have ended so a while ago."""
    for key in keys:
        Validation.objects.create(
            key=key,
            merchant_id=key.merchant_id,
            lane=str(key.merchant_id),
            reason=Validation.Reason.PERIODIC,
            state=DueRow.State.DONE,
            verdict=verdict,
            finished_at=timezone.now() - ago,
        )


def asked(at_stripe: AtStripe) -> int:
    """How many questions Stripe has heard; counted there, since only the last of them are kept."""
    return int(at_stripe.admin.counts()["requests_ever"])


# --- When Stripe is taken to be down ---------------------------------------------------------------------------------


def test_five_merchants_without_an_answer_are_an_outage(at_stripe: AtStripe) -> None:
    keys = known_to_stripe(at_stripe, 6)
    at_stripe.admin.add_fault("error", status=503, times=None)
    make_due(keys)
    check_each(keys[:4])
    assert not is_down()

    check_each(keys[4:])

    assert is_down()
    assert statuses() == {"active": 6}
    assert Notice.objects.get(merchant=None).subject == "Incident: Stripe does not answer"
    put_off = Validation.objects.get(problem="StripeIsDown")
    assert (put_off.state, put_off.attempts, put_off.verdict) == ("waiting", 0, "")
    assert RestrictedKey.objects.filter(consecutive_failures=0, last_problem="").count() == 1


@pytest.mark.parametrize(("answered", "expected"), [(5, True), (6, False)])
def test_it_takes_half_of_those_asked(db: None, answered: int, expected: bool) -> None:
    keys = never_asked_about(5 + answered)
    found(keys[:5], "unknown")
    found(keys[5:], "active")

    incidents.note_no_answer(timezone.now())

    assert is_down() is expected


def test_one_merchant_with_many_answers_does_not_speak_for_the_others(db: None) -> None:
    busy, *silent = never_asked_about(6)
    found([busy] * 20, "active")
    found(silent, "unknown")

    incidents.note_no_answer(timezone.now())

    assert is_down()


def test_one_merchant_whose_account_hangs_is_never_an_outage(ada: User) -> None:
    for number in range(6):
        found([a_key(ada, purpose=f"purpose {number}")] * 3, "unknown")

    incidents.note_no_answer(timezone.now())

    assert not is_down()


def test_everybody_who_is_asked_to_slow_down_is_left_alone_and_stripe_is_not_called_down(
    at_stripe: AtStripe,
) -> None:
    keys = known_to_stripe(at_stripe, 6)
    at_stripe.admin.add_fault("rate_limit", times=None)
    for _ in range(3):
        make_due(keys)
        check_each(keys)

    assert not StripeIncident.objects.exists()
    assert AccountPace.objects.filter(closed_until__gt=timezone.now()).count() == 6
    assert statuses() == {"active": 6}


@pytest.mark.parametrize(("silent", "expected"), [(5, True), (4, False)])
def test_merchants_who_throttle_themselves_neither_make_an_outage_nor_hide_one(
    db: None, silent: int, expected: bool
) -> None:
    keys = never_asked_about(silent + 8)
    found(keys[:silent], "unknown")
    found(keys[silent:], "throttled")

    incidents.note_no_answer(timezone.now())

    assert is_down() is expected


@pytest.mark.parametrize("verdict", ["incomplete", "unproven", "moot"])
def test_other_trouble_is_not_an_outage(db: None, verdict: str) -> None:
    found(never_asked_about(6), verdict)

    incidents.note_no_answer(timezone.now())

    assert not is_down()


def test_one_endpoint_that_fails_for_everybody_is_not_an_outage(at_stripe: AtStripe) -> None:
    keys = known_to_stripe(at_stripe, 5)
    at_stripe.admin.add_fault("error", path="/v1/payouts", status=503, times=None)
    make_due(keys)

    engine.drain("validations")

    assert not StripeIncident.objects.exists()
    assert set(Validation.objects.exclude(verdict="").values_list("verdict", flat=True)) == {"incomplete"}


def test_what_went_unanswered_before_the_last_outage_ended_counts_no_more(db: None) -> None:
    found(never_asked_about(6), "unknown", ago=timedelta(seconds=20))
    StripeIncident.objects.create(kind=Kind.OUTAGE, ended_at=timezone.now() - timedelta(seconds=10))

    incidents.note_no_answer(timezone.now())

    assert not is_down()


def test_ops_are_mailed_once_an_hour_however_often_stripe_comes_and_goes(db: None) -> None:
    now = timezone.now()
    keys = never_asked_about(6)
    for _ in range(3):
        found(keys, "unknown", ago=timedelta())
        incidents.note_no_answer(now)
        incidents.note_answer()

    assert StripeIncident.objects.filter(ended_by="the site").count() == 3
    assert Notice.objects.count() == 1


# --- While it is down ------------------------------------------------------------------------------------------------


def test_all_workers_together_try_once_in_ten_seconds(transactional_db: None) -> None:
    keys = never_asked_about(4)
    make_due(keys)
    incidents.begin(Kind.OUTAGE, "6 of 6")
    pass_time(seconds=10)

    def is_let_through(row: Validation) -> bool:
        try:
            incidents.wait_out_an_outage(row)
        except incidents.StripeIsDown:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as workers:
        first = list(workers.map(is_let_through, Validation.objects.all()))
        again = list(workers.map(is_let_through, Validation.objects.all()))
        pass_time(seconds=10)
        later = list(workers.map(is_let_through, Validation.objects.all()))

    assert (sum(first), sum(again), sum(later)) == (1, 0, 1)


def test_ten_minutes_of_outage_cost_stripe_a_trickle_and_the_keys_nothing(at_stripe: AtStripe) -> None:
    keys = known_to_stripe(at_stripe, 8)
    at_stripe.admin.add_fault("error", status=503, times=None)
    make_due(keys)
    check_each(keys)
    assert is_down()
    before = asked(at_stripe)

    for _ in range(60):
        pass_time(seconds=10)
        engine.drain("validations")

    assert 30 < asked(at_stripe) - before <= 61, "a try each ten seconds, of one question"
    assert is_down()
    assert statuses() == {"active": 8}
    assert not AccountPace.objects.filter(troubles__gt=1).exists(), "no account is blamed for the outage"

    at_stripe.admin.clear_faults()
    for _ in range(60):
        pass_time(seconds=10)
        engine.drain("validations")
        if not Validation.objects.filter(state=DueRow.State.WAITING).exists():
            break

    assert not is_down()
    healthy = RestrictedKey.objects.filter(status="active", consecutive_failures=0, last_problem="")
    assert healthy.count() == 8, "within ten minutes all is as before"


def test_a_paste_is_stored_and_checked_as_soon_as_stripe_answers(at_stripe: AtStripe, ada: User) -> None:
    others = known_to_stripe(at_stripe, 1)
    incidents.begin(Kind.OUTAGE, "6 of 6")
    make_due(others)
    key = paste(ada, at_stripe.bound_key(ada).token)

    engine.drain("validations")
    key.refresh_from_db()
    assert (key.status, key.last_problem) == ("pending", "")

    incidents.end(Kind.OUTAGE, by="the site")
    engine.drain("validations")
    key.refresh_from_db()
    assert key.status == "active"
    assert Validation.objects.get(state=DueRow.State.WAITING).key == others[0], "who is awaited goes first"
