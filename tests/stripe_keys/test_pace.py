"""How fast one merchant's account is asked: a budget that workers share, a breaker, and places for slow accounts."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import pace
from stripe_keys.checks import check_pace
from stripe_keys.models import AccountPace, RestrictedKey, Validation
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import check_each, known_to_stripe, make_due, pass_time
from tests.stripe_keys.keys import AtStripe, paste
from tests.stripe_keys.rows import a_key
from work import engine

WORKERS = 4


class ScriptedClock:
    """The database's clock, for connections that ask for it: it stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA scripted")
            cursor.execute("CREATE TABLE scripted.clock AS SELECT pg_catalog.statement_timestamp() AS now")
            cursor.execute(
                "CREATE FUNCTION scripted.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE"
                " AS 'SELECT now FROM scripted.clock'"
            )

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        with connection.cursor() as cursor:
            cursor.execute("UPDATE scripted.clock SET now = now + make_interval(secs => %s)", [seconds])

    def admits(self, key: RestrictedKey, requests: int) -> bool:
        """Whether so many requests are admitted at this moment; for use in a thread of its own."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET search_path TO scripted, public, pg_catalog")
            pace.admit(key, requests)
        except pace.Breather:
            return False
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET search_path")
            connection.close()
        return True

    def drop(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA scripted CASCADE")


@pytest.fixture
def clock(transactional_db: None) -> Iterator[ScriptedClock]:
    """A clock in the database that the test moves."""
    scripted = ScriptedClock()
    yield scripted
    scripted.drop()


def problem_with(key: RestrictedKey) -> str:
    """Why nothing may be asked about the key's account now; empty if it may."""
    try:
        pace.admit(key, 1)
    except pace.Breather as breather:
        return breather.problem
    return ""


def pace_of(key: RestrictedKey) -> AccountPace:
    return AccountPace.objects.get(merchant=key.merchant_id, livemode=key.livemode)


# --- The budget ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "share"), [(25, 0.8), (100, 0.8), (7, 0.5)])
def test_within_any_second_no_more_than_the_share_of_the_limit_is_admitted(
    clock: ScriptedClock, ada: User, settings: Settings, limit: float, share: float
) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = limit, share
    key = a_key(ada)
    dice = random.Random(limit)  # noqa: S311  # the same play each time
    admitted: list[tuple[float, int]] = []
    with ThreadPoolExecutor(WORKERS) as workers:
        for _ in range(40):
            clock.move(dice.choice((0, 0.01, 0.1, 0.4)))
            wanted = [dice.randint(1, pace.at_once(livemode=False)) for _ in range(WORKERS)]
            answers = list(workers.map(clock.admits, [key] * WORKERS, wanted))
            now = clock.seconds
            admitted += [(now, size) for size, is_in in zip(wanted, answers, strict=True) if is_in]

    seconds = [sum(size for at, size in admitted if begin <= at < begin + 1) for begin, _ in admitted]
    assert max(seconds) <= limit * share
    assert max(seconds) > limit * share / 2, "the budget is for being used"


def test_merchants_and_modes_have_budgets_of_their_own(ada: User, eve: User, settings: Settings) -> None:
    settings.STRIPE_RATE_TEST = settings.STRIPE_RATE_LIVE = 10
    adas, adas_live, eves = a_key(ada), a_key(ada, livemode=True), a_key(eve)
    pace.admit(adas, pace.at_once(livemode=False))

    assert [problem_with(key) for key in (adas, adas_live, eves)] == ["BudgetSpent", "", ""]


def test_a_refusal_says_when_there_is_room(ada: User, settings: Settings) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = 20, 1
    key = a_key(ada)
    a_second, began = timedelta(seconds=1), timezone.now()
    pace.admit(key, 15)

    with pytest.raises(pace.Breather) as refusal:
        pace.admit(key, 5)

    meanwhile = timezone.now() - began
    assert a_second - meanwhile <= refusal.value.delay <= a_second, "five a second come back"


@pytest.mark.parametrize(("limit", "problems"), [(25, []), (2, ["stripe_keys.E008"])])
def test_a_budget_in_which_no_check_could_end_is_refused_at_the_start(
    settings: Settings, limit: float, problems: list[str]
) -> None:
    settings.STRIPE_RATE_TEST = limit

    assert [problem.id for problem in check_pace()] == problems


@pytest.mark.django_db(transaction=True)
def test_what_is_more_than_the_budget_goes_out_in_portions(ada: User, settings: Settings) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = 1000, 1
    key = a_key(ada)
    began = timezone.now()

    portions = [len(portion) for portion in pace.in_turns(key, range(800))]

    assert portions == [750, 50]
    assert timezone.now() - began > timedelta(seconds=0.15), "the second waited until there was room"
    assert pace_of(key).slow_until is None, "for which the account is not to blame"


@pytest.mark.django_db(transaction=True)
def test_portions_end_when_the_breaker_opens(ada: User, settings: Settings) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = 10, 1
    key = a_key(ada)
    portions = pace.in_turns(key, range(20))
    next(portions)
    for _ in range(3):
        pace.note_trouble(key, timezone.now())

    with pytest.raises(pace.Breather, match="BreakerOpen"):
        next(portions)


# --- The breaker -----------------------------------------------------------------------------------------------------


def test_the_breaker_opens_after_three_troubles_for_twice_as_long_each_time(ada: User) -> None:
    key, now = a_key(ada), timezone.now()
    pace.admit(key, 1)
    pauses = []
    for _ in range(10):
        pace.note_trouble(key, now)
        until = pace.closed_until(key, now)
        pauses.append(int((until - now).total_seconds()) if until else 0)

    assert pauses == [0, 0, 15, 30, 60, 120, 240, 480, 600, 600]


def test_an_account_without_answers_is_left_alone_and_its_key_suffers_nothing(at_stripe: AtStripe) -> None:
    [key] = known_to_stripe(at_stripe, 1)
    [held] = at_stripe.admin.keys(key.stripe_account_id)
    stripe_key_id = str(held["id"])
    at_stripe.admin.add_fault("error", key=stripe_key_id, status=503, times=None)

    def asked() -> int:
        return len(at_stripe.admin.requests(key=stripe_key_id))

    def look() -> RestrictedKey:
        make_due([key])
        check_each([key])
        key.refresh_from_db()
        return key

    for _ in range(3):
        look()
    before = asked()

    look()

    waiting = Validation.objects.get(key=key, state="waiting")
    assert asked() == before
    assert (waiting.attempts, waiting.problem) == (0, "BreakerOpen")
    assert (key.status, key.consecutive_failures) == ("active", 3)
    assert timezone.now() < waiting.due_at < timezone.now() + timedelta(seconds=15 * 1.2)

    pass_time(seconds=18)
    at_stripe.admin.clear_faults()
    engine.drain("validations")

    key.refresh_from_db()
    assert (asked() > before, key.consecutive_failures) == (True, 0)
    assert (pace_of(key).troubles, pace_of(key).closed_until) == (0, None)


def test_a_new_paste_closes_the_breaker(ada: User) -> None:
    key = a_key(ada)
    pace.admit(key, 1)
    for _ in range(5):
        pace.note_trouble(key, timezone.now())
    assert problem_with(key) == "BreakerOpen"

    paste(ada, a_restricted_key())

    assert problem_with(key) == ""


# --- Slow accounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/v1/payouts"], ids=["from the first question", "in a portion"])
def test_an_account_that_takes_long_is_slow_for_a_while(
    at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    slow, quick = known_to_stripe(at_stripe, 2)
    at_stripe.admin.add_fault("slow", account=slow.stripe_account_id, path=path, seconds=0.25)
    make_due([slow, quick])

    check_each([quick])  # however busy this machine is, that takes no three seconds
    monkeypatch.setattr(pace, "SLOW_SECONDS", 0.2)
    check_each([slow])

    assert [pace.admit(key, 1).is_slow for key in (slow, quick)] == [True, False]
    pass_time(minutes=11)
    assert not pace.admit(slow, 1).is_slow


def test_slow_accounts_take_a_quarter_of_the_threads(settings: Settings) -> None:
    settings.WORKER_THREADS = 8
    places, slow, quick = pace.SlowPlaces(), pace.Admission(is_slow=True), pace.Admission(is_slow=False)

    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(places.place_for(slow))
        with pytest.raises(pace.Breather, match="SlowAccounts"), places.place_for(slow):
            pass
        with places.place_for(quick):
            pass

    with places.place_for(slow):
        pass  # the places are free again
