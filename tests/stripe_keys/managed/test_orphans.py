"""Keys that the app made and nobody knows are found at Stripe and ended; whatever else lives there is not touched."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import services
from stripe_keys.managed import orphans, schedule
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement, StripeInstall
from tests.people import merchant_of
from tests.simulator import Json
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import fall_due, let_pass, rotate

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APP = "app_1SimulatedPartnerApp"


def our_name(settings: Settings) -> str:
    return f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT} {uuid4()}"


def at_stripe(managed: Managed, name: str, **more: str) -> str:
    """The id of a key that is made on the account by something else than a minting of ours."""
    wishes = {"name": name, "app": APP, **more}
    return str(managed.at_stripe.admin.post("/keys", account=managed.account, livemode=False, **wishes)["id"])


def swept(managed: Managed, *, later: timedelta = HOUR) -> list[str]:
    """The ids that a sweep finds, when the keys are an hour old, and what it does is done."""
    found = orphans.walk(timezone.now() + later)
    managed.work()
    return [stripe_key_id for _, stripe_key_id in found.orphans]


def test_an_orphan_is_ended_and_the_key_in_use_is_not(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    orphan = at_stripe(managed, our_name(settings))

    assert swept(managed) == [orphan]

    assert managed.living_at_stripe() == {key.stripe_key_id}
    retirement = Retirement.objects.get()
    assert (retirement.cause, retirement.outcome, retirement.key) == ("orphaned", "gone", None)


def test_where_stripe_names_no_manager_an_orphan_goes_by_its_name(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    managed.at_stripe.admin.expire_key(key.stripe_key_id, lag=0)
    orphan = at_stripe(managed, our_name(settings), app="")

    assert swept(managed) == [orphan]


FOREIGN: dict[str, Json] = {
    "another-environment": {"name": f"partner-site elsewhere {uuid4()}"},
    "another-name": {"name": "partner-site"},
    "no-minting": {"name": "partner-site {environment} of Ada's"},
    "other-spelling": {"name": "partner-site {environment} {{12345678123456781234567812345678}}"},
    "copied-by-its-merchant": {"app": ""},
    "another-app": {"app": "app_1AnotherApp0000000"},
    "publishable": {"kind": "publishable"},
}


def test_whatever_is_not_ours_is_left_alone(managed: Managed, key: RestrictedKey, settings: Settings) -> None:
    foreign = {}
    for what, more in FOREIGN.items():
        named = {"name": our_name(settings), **more}
        named["name"] = named["name"].replace("{environment}", settings.SITE_ENVIRONMENT)
        foreign[at_stripe(managed, **named)] = what
    orphan = at_stripe(managed, our_name(settings))

    taken = swept(managed)

    assert [foreign.get(each, each) for each in taken] == [orphan], "and what is beside them is found"
    assert managed.living_at_stripe() == {key.stripe_key_id, *foreign}


def test_a_young_one_may_be_one_that_is_being_made(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    at_stripe(managed, our_name(settings))

    assert swept(managed, later=orphans.YOUNG - timedelta(minutes=1)) == []


def test_nothing_is_ended_while_a_key_is_made_there(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    at_stripe(managed, our_name(settings))
    fall_due()
    schedule.plan()
    Minting.objects.filter(state="waiting").update(due_at=timezone.now() + DAY)

    assert swept(managed) == []


def test_a_key_that_is_kept_is_never_an_orphan(managed: Managed, key: RestrictedKey) -> None:
    found = {}
    for status in RestrictedKey.KEPT:
        RestrictedKey.objects.update(status=status, managed_by="user")
        found[status] = orphans.walk(timezone.now() + HOUR, is_dry=True)

    assert [sum(walk.outcomes.values()) for walk in found.values()] == [1] * len(RestrictedKey.KEPT)
    assert [status for status, walk in found.items() if walk.orphans] == []


@pytest.mark.parametrize("outcome", ["still_accepted", "not_installed"])
def test_one_that_was_thought_to_have_ended_is_ended_again(
    managed: Managed, key: RestrictedKey, outcome: str
) -> None:
    services.remove(key=key, user=managed.ada, now=timezone.now())
    Retirement.objects.update(state="done", finished_at=timezone.now(), outcome=outcome, sealed="")
    assert swept(managed) == [], "it was seen to a moment ago"
    KeyManagement.objects.update(swept_at=None)
    let_pass(2 * DAY)

    assert swept(managed) == [key.stripe_key_id]

    assert Retirement.objects.get().outcome == "gone"
    assert managed.living_at_stripe() == set()


def test_each_account_has_its_turn_once_a_day(
    managed: Managed, key: RestrictedKey, eve: User, settings: Settings
) -> None:
    other = managed.at_stripe.admin.create_account()
    managed.at_stripe.admin.create_install(other)
    of_eve = an_arrangement(merchant_of(eve), other)
    before = timezone.now()

    walks = [orphans.walk(before + HOUR, at_once=1) for _ in range(3)]

    assert [sum(walk.outcomes.values()) for walk in walks] == [1, 1, 0]
    assert {one.swept_at for one in KeyManagement.objects.all()} == {before + HOUR}
    assert of_eve.pk
    assert sum(orphans.walk(before + 26 * HOUR).outcomes.values()) == 2


def an_arrangement(merchant: Merchant, account: str) -> KeyManagement:
    """A merchant whose keys the app makes."""
    StripeInstall.objects.create(
        merchant=merchant, stripe_account_id=account, livemode=False, installed_at=timezone.now()
    )
    return KeyManagement.objects.create(merchant=merchant, livemode=False, stripe_account_id=account)


def test_a_list_that_does_not_come_ends_nothing(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    at_stripe(managed, our_name(settings))
    managed.at_stripe.admin.add_fault(kind="html", path="/v2/iam/api_keys", method="GET", times=None)

    found = orphans.walk(timezone.now() + HOUR)

    assert found.outcomes == {orphans.NO_ANSWER: 1}
    management = KeyManagement.objects.get()
    assert management.swept_at is not None
    assert management.swept_at < timezone.now(), "it is asked again within the hour"


def test_command_says_what_it_would_end(
    managed: Managed, key: RestrictedKey, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan, said = at_stripe(managed, our_name(settings)), io.StringIO()
    monkeypatch.setattr(orphans, "YOUNG", -HOUR)

    call_command("end_orphaned_keys", "--dry-run", stdout=said)

    assert said.getvalue().splitlines() == [
        f"{orphan} of {managed.account} (test mode)",
        "Accounts: 1 looked at.",
        "Orphaned keys: 1; they would be ended.",
        "Nothing was changed.",
    ]
    assert not Retirement.objects.exists()
    call_command("end_orphaned_keys", stdout=said)
    managed.work()
    assert managed.living_at_stripe() == {key.stripe_key_id}


def test_a_rotated_key_with_the_name_of_another_minting_is_known(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    rotate(managed)

    assert swept(managed) == []

    assert len(managed.living_at_stripe()) == 2
