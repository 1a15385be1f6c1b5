"""Events that came too early are parked, and taken up again when their time has come."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Merchant, Notice, User
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.people import an_owner, merchant_of
from tests.stripe_keys.keys import AtStripe, StripeKey, bind_account, checked, paste
from tests.webhooks.arrivals import Arrivals, after_checks
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks import handlers, parking
from webhooks.models import EventNotification
from work import engine

IAM = "v2.iam.api_key."


@pytest.fixture(autouse=True)
def from_the_first_account(transactional_db: None) -> Iterator[None]:
    """Begin the search with the first account, wherever an earlier test has left it."""
    parking.begin_anew()
    yield
    parking.begin_anew()


@pytest.fixture
def ada() -> User:
    """Ada, in rows that are committed."""
    return an_owner("ada@example.com", "Ada's Lamps")


def parked(account: str, **more: object) -> EventNotification:
    """An event of an account, after a worker has been at it."""
    told = a_notification(context=account, **more)
    assert deliver_event(told).status_code == 200
    engine.drain("events")
    return EventNotification.objects.get(event_id=told["id"])


def state_of(event: EventNotification) -> tuple[str, str, str]:
    """State, outcome and note as they are now."""
    event.refresh_from_db()
    return event.state, event.outcome, event.outcome_note


def test_event_of_an_account_that_nobody_has_connected_waits_for_it(ada: User, at_stripe: AtStripe) -> None:
    event = parked("acct_1NobodyYet00000")
    assert state_of(event) == ("done", "parked", "unknown_account")
    assert parking.take_up() == 0

    bind_account(ada, "acct_1NobodyYet00000")

    assert parking.take_up() == 1
    assert state_of(event) == ("waiting", "", "")
    engine.drain("events")
    assert state_of(event)[:2] == ("done", "unmatched"), "no key of theirs is known"
    assert parking.take_up() == 0


def test_account_connected_at_the_very_moment_of_parking_is_found(ada: User, at_stripe: AtStripe) -> None:
    event = parked("acct_1NobodyYet00000")
    bind_account(ada, "acct_1NobodyYet00000")
    # The worker had looked before the account was connected, and writes its end after.
    EventNotification.objects.filter(pk=event.pk).update(outcome="parked", outcome_note="unknown_account")

    assert parking.take_up() == 1


def test_other_mode_of_a_connected_account_stays_parked(ada: User, at_stripe: AtStripe) -> None:
    event = parked("acct_1NobodyYet00000", livemode=True)

    bind_account(ada, "acct_1NobodyYet00000", livemode=False)

    assert parking.take_up() == 0
    assert state_of(event)[1] == "parked"


def test_account_of_a_closed_merchant_is_nobodys(ada: User, at_stripe: AtStripe) -> None:
    event = parked("acct_1NobodyYet00000")
    bind_account(ada, "acct_1NobodyYet00000")
    Merchant.objects.filter(pk=merchant_of(ada).pk).update(closed_at=timezone.now())

    assert parking.take_up() == 0
    assert state_of(event)[1] == "parked"


def test_every_parked_account_gets_its_turn(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "ACCOUNTS_AT_ONCE", 2)
    events = [parked(f"acct_1NobodyYet0000{number}") for number in range(5)]
    bind_account(ada, "acct_1NobodyYet00004")

    assert [parking.take_up() for _ in range(3)] == [0, 0, 1]

    assert state_of(events[4])[0] == "waiting"
    bind_account(an_owner("eve@example.com", "Eve's Irons"), "acct_1NobodyYet00000")
    assert parking.take_up() == 1, "and begins with the first account again"


def test_no_more_is_taken_up_at_once_than_the_limit(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "EVENTS_AT_ONCE", 2)
    parked("acct_1NobodyYet00000")
    with connection.cursor() as cursor:  # a plan for one row walks over the table, and chooses anew for each
        cursor.execute("ANALYZE webhooks_eventnotification")
    for _ in range(4):
        parked("acct_1NobodyYet00000")
    bind_account(ada, "acct_1NobodyYet00000")

    assert [parking.take_up() for _ in range(4)] == [2, 2, 1, 0]


def test_many_events_of_one_account_are_one_look_at_it(ada: User, at_stripe: AtStripe) -> None:
    for _ in range(3):
        parked("acct_1NobodyYet00000")
    parked("acct_1NobodyYet00001")

    assert parking.parked_accounts() == [("acct_1NobodyYet00000", False), ("acct_1NobodyYet00001", False)]


def test_uninstall_from_before_the_account_was_connected_ends_nothing(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    theirs = at_stripe.key()
    install = next(each["id"] for each in arrivals.admin.installs() if each["account"] == theirs.account)
    arrivals.admin.uninstall(install, expire_keys=False)
    assert {event.outcome for event in arrivals.all_of(theirs.account)} == {"parked"}
    arrivals.admin.create_install(theirs.account)
    bind_account(ada, theirs.account)
    StripeInstall.objects.update(installed_at=timezone.now())
    key = checked(paste(ada, theirs.token))

    parking.take_up()
    engine.drain("events")

    assert after_checks(key).status == RestrictedKey.Status.ACTIVE
    assert StripeInstall.objects.get(stripe_account_id=theirs.account).status == "installed"


def test_rotation_that_comes_before_the_keys_id_is_told_once_it_is_known(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    theirs: StripeKey = at_stripe.bound_key(ada)
    key = paste(ada, theirs.token)
    successor = arrivals.admin.rotate_key(theirs.id, overlap=3600)
    event = arrivals.of(IAM + "rotated", theirs.account)
    assert state_of(event) == ("done", "parked", "unknown_key")
    assert parking.take_up() == 0, "no key of that id is here yet"

    key = checked(key)
    assert (key.stripe_key_id, key.is_expiring) == (theirs.id, False)
    assert parking.take_up() == 1
    engine.drain("events")

    assert state_of(event)[1] == "applied"
    key.refresh_from_db()
    assert key.successor_stripe_key_id == successor["id"]
    assert Notice.objects.filter(dedupe_key__startswith="rotated:").count() == 1


def test_rotated_key_that_is_brought_afterwards_is_told_too(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    theirs = at_stripe.bound_key(ada)
    arrivals.admin.rotate_key(theirs.id, overlap=3600)
    assert arrivals.of(IAM + "rotated", theirs.account).outcome == "parked"

    key = checked(paste(ada, theirs.token))
    parking.take_up()
    engine.drain("events")

    key.refresh_from_db()
    assert key.is_expiring


@pytest.mark.parametrize("moment", ["stripe_created_at", "created_at"])
def test_rotation_of_a_key_that_never_came_is_nothing_of_ours_at_last(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals, moment: str
) -> None:
    theirs = at_stripe.bound_key(ada)
    checked(paste(ada, theirs.token))
    arrivals.admin.rotate_key(at_stripe.key(theirs.account).id, overlap=3600)
    event = arrivals.of(IAM + "rotated", theirs.account)
    assert (state_of(event)[1], parking.take_up()) == ("parked", 0)

    long_ago = timezone.now() - timedelta(days=9)
    EventNotification.objects.filter(pk=event.pk).update(**{moment: long_ago})
    assert parking.take_up() == 1
    engine.drain("events")

    assert state_of(event)[1] == "unmatched"
    assert not Notice.objects.filter(dedupe_key__startswith="rotated:").exists()


def test_rotation_that_names_a_key_of_another_account_is_not_taken_up_for_it(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    mine = at_stripe.bound_key(ada)
    eve = an_owner("eve@example.com", "Eve's Irons")
    hers = at_stripe.bound_key(eve)
    checked(paste(ada, mine.token))
    checked(paste(eve, hers.token))
    arrivals.all_of(hers.account)
    arrivals.admin.emit(IAM + "rotated", account=mine.account, data={"api_key": hers.id})
    arrivals.admin.emit(
        IAM + "rotated", account=hers.account, data={"api_key": "mk_NobodyHasThisOne"}
    )  # hers is looked at too
    arrivals.of(IAM + "rotated", hers.account)
    event = arrivals.of(IAM + "rotated", mine.account)
    assert state_of(event) == ("done", "parked", "unknown_key")
    parking.begin_anew()

    assert parking.take_up() == 0


def test_rotation_that_has_waited_long_ends_though_our_clock_is_behind(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = at_stripe.bound_key(ada)
    checked(paste(ada, theirs.token))
    arrivals.admin.rotate_key(at_stripe.key(theirs.account).id, overlap=3600)
    event = arrivals.of(IAM + "rotated", theirs.account)
    moment = timezone.now() - timedelta(days=8)
    EventNotification.objects.filter(pk=event.pk).update(stripe_created_at=moment)
    assert parking.take_up() == 1

    monkeypatch.setattr(handlers, "ROTATION_WAITS", timedelta(days=8, minutes=1))  # as a clock behind sees it
    engine.drain("events")

    assert (state_of(event)[1], parking.take_up()) == ("unmatched", 0)
