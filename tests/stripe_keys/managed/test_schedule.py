"""New keys come in time, without a gap, one at a time, and not all at once."""

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import clients, incidents, managed_problems, minting_rows
from stripe_keys.incidents import brake
from stripe_keys.managed import schedule
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, StripeIncident
from tests.people import merchant_of
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import fall_due, let_pass, rotate
from tests.stripe_keys.rows import ACCOUNT, a_key

Status = RestrictedKey.Status
DAY = timedelta(days=1)


@pytest.fixture
def made(ada: User, settings: Settings) -> RestrictedKey:
    """A key that the app has made for Ada an hour ago and more, as rows alone: what is due shows without Stripe."""
    settings.MANAGED_KEYS = ["live", "test"]
    management = KeyManagement.objects.create(
        merchant=merchant_of(ada),
        livemode=False,
        stripe_account_id=ACCOUNT,
        next_rotation_at=timezone.now() + 85 * DAY,
    )
    Minting.objects.create(lane="ada", management=management, reason="first", state="done")
    let_pass(timedelta(hours=2))
    return a_key(ada, managed_by="app", stripe_key_id="mk_1OfTheApp00000")


def planned() -> list[str]:
    """Why keys are being made, after one look at what is due."""
    schedule.plan()
    return list(Minting.objects.filter(state="waiting").values_list("reason", flat=True))


@pytest.mark.parametrize("how", ["create", "rotate"])
@pytest.mark.django_db(transaction=True)
def test_clients_work_at_every_moment_of_a_rotation(
    managed: Managed, key: RestrictedKey, settings: Settings, how: str
) -> None:
    settings.MANAGED_KEY_ROTATION = how
    is_over, troubles, calls = Event(), list[str](), list[str]()

    def partner() -> None:
        try:
            while not is_over.is_set():
                client = clients.stripe_client(merchant=merchant_of(managed.ada), livemode=False)
                calls.append(client.v1.accounts.retrieve_current().id)
        except Exception as trouble:
            troubles.append(repr(trouble))
        finally:
            connection.close()

    thread = Thread(target=partner)
    thread.start()
    managed.at_stripe.admin.switch(expire_lag_seconds=3600)
    try:
        rotate(managed)
    finally:
        is_over.set()
        thread.join()

    assert managed.key().pk != key.pk
    assert troubles == []
    assert set(calls) == {managed.account}


def test_moments_are_spread() -> None:
    now = timezone.now()
    moments = [schedule.next_after(now) - now for _ in range(200)]

    assert 81 * DAY <= min(moments) < max(moments) <= 90 * DAY
    assert max(moments) - min(moments) > 5 * DAY


def test_a_stored_key_has_such_a_moment(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "uniform", lambda least, most: least)
    managed.choose_app()

    managed.work()

    next_one = KeyManagement.objects.get().next_rotation_at
    assert next_one is not None
    assert timedelta(days=80) < next_one - timezone.now() < timedelta(days=82)


def test_keys_are_locked_before_their_management_as_checks_do(made: RestrictedKey) -> None:
    fall_due()
    with CaptureQueriesContext(connection) as seen:
        schedule.plan()

    locks = [each["sql"] for each in seen if "FOR UPDATE" in each["sql"]]
    assert ["restrictedkey" in each.split("WHERE")[0] for each in locks] == [True, False]


def test_one_that_was_asked_for_meanwhile_is_not_asked_for_again(
    made: RestrictedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    fall_due()
    lock = minting_rows.locked

    def while_somebody_renews(management: KeyManagement) -> KeyManagement:
        KeyManagement.objects.update(next_rotation_at=timezone.now() + DAY)  # as a stored key does
        return lock(management)

    monkeypatch.setattr(minting_rows, "locked", while_somebody_renews)

    assert planned() == []


def test_nothing_is_made_before_its_time(made: RestrictedKey) -> None:
    assert planned() == []


def test_a_key_that_ends_soon_is_replaced_before(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + 2 * DAY)

    assert planned() == ["ending"]
    assert planned() == ["ending"], "once"


def test_a_key_that_ends_later_is_not(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + 4 * DAY)

    assert planned() == []


def test_a_rotated_or_unreadable_key_is_replaced(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(quarantined_at=timezone.now())

    assert planned() == ["ending"]


def test_where_no_key_is_left_one_is_made(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(status=Status.EXPIRED)

    assert planned() == ["schedule"]


def test_a_merchants_own_key_is_never_replaced_for_its_end(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(managed_by="user", expires_at=timezone.now() + DAY)

    assert planned() == []


def test_none_is_asked_for_while_one_is_being_proven(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(status=Status.PENDING)
    fall_due()

    assert planned() == []


def test_what_failed_is_not_tried_every_minute(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + DAY)
    KeyManagement.objects.update(
        problem=managed_problems.NOT_APPROVED, next_rotation_at=timezone.now() + DAY / 4
    )

    assert planned() == []
    fall_due()
    assert planned() == ["schedule"]


def test_one_that_dies_again_and_again_is_made_at_a_pace(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(status=Status.EXPIRED)
    Minting.objects.update(created_at=timezone.now())

    assert planned() == []


def test_nothing_is_made_while_stripe_refuses_the_keys_of_many(managed: Managed, key: RestrictedKey) -> None:
    fall_due()
    schedule.plan()
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")

    managed.work()

    minting = managed.minting()
    assert brake.is_on()
    assert (minting.state, minting.problem) == ("waiting", "StripeRefusesMany")
    assert len(managed.living_at_stripe()) == 1
    Minting.objects.all().delete()
    assert planned() == []


@pytest.mark.parametrize(
    "change",
    [{"is_on": False}, {"purpose": "given-up"}],
    ids=["merchant-brings", "no-such-purpose"],
)
def test_nothing_is_made_where_nobody_wants_it(made: RestrictedKey, change: dict[str, object]) -> None:
    fall_due()
    KeyManagement.objects.update(**change)

    assert planned() == []


def test_nothing_is_made_in_a_mode_that_is_not_offered_any_more(
    made: RestrictedKey, settings: Settings
) -> None:
    fall_due()
    settings.MANAGED_KEYS = ["live"]

    assert planned() == []


def test_nothing_is_made_in_place_of_a_suspended_key(made: RestrictedKey) -> None:
    RestrictedKey.objects.update(suspended_at=timezone.now())
    fall_due()

    assert planned() == []


def test_what_ends_comes_before_what_is_old(
    made: RestrictedKey, eve: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + DAY)
    a_key(eve)
    KeyManagement.objects.create(
        merchant=merchant_of(eve),
        livemode=False,
        stripe_account_id="acct_1EvesAccount0000",
        next_rotation_at=timezone.now() - DAY,
    )
    monkeypatch.setattr(schedule, "_AT_ONCE", 1)

    assert planned() == ["ending"]
    assert set(planned()) == {"ending", "schedule"}
