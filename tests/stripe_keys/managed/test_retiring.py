"""A key that is not to be used any more is ended at Stripe, and watched until Stripe refuses it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import incidents, services, vault
from stripe_keys.incidents import brake
from stripe_keys.managed import retiring
from stripe_keys.models import KeyEnvelope, RestrictedKey, Retirement, StripeIncident
from stripe_keys.vault import data_keys
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import rotate, work_after
from work.engine import revive

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def old(key: RestrictedKey) -> RestrictedKey:
    """The app's first key, which others follow here."""
    return key


def of(key: RestrictedKey) -> Retirement:
    return Retirement.objects.get(key=key)


def history(key: RestrictedKey) -> list[str]:
    return list(key.status_changes.order_by("pk").values_list("reason", flat=True))


def to_ops() -> list[str]:
    return list(Notice.objects.filter(merchant=None).order_by("pk").values_list("subject", flat=True))


def test_a_key_that_works_for_some_seconds_more_is_watched(
    managed: Managed, old: RestrictedKey, time_passes: Callable[[timedelta], None]
) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=60)

    rotate(managed)

    row = of(old)
    assert (row.state, row.problem, row.refused_at) == ("waiting", "StillAccepted", None)
    assert row.sealed
    assert row.due_at < timezone.now() + 10 * timedelta(seconds=1), "soon"
    time_passes(timedelta(seconds=61))
    work_after(managed, MINUTE)
    row = of(old)
    assert (row.state, row.outcome, row.sealed) == ("done", "refused", "")
    assert row.refused_at is not None
    assert history(old)[-1] == "Stripe refuses it now."
    assert len([call for call in managed.asked("/v2/iam/api_keys") if call == "POST"]) == 2, "expired once"


def test_a_key_that_is_still_accepted_after_an_hour_alarms_ops(managed: Managed, old: RestrictedKey) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=100_000)
    rotate(managed)

    work_after(managed, HOUR + MINUTE)

    row = of(old)
    assert (row.outcome, row.refused_at, row.sealed) == ("still_accepted", None, "")
    assert to_ops() == ["Stripe still accepts a key that was to end"]
    assert "Stripe refuses it now." not in history(old)


def test_an_ending_goes_on_after_days_without_stripe(managed: Managed, old: RestrictedKey) -> None:
    managed.at_stripe.admin.add_fault(kind="error", status=503, path="/v1/apps/installs", times=None)
    services.remove(key=old, user=managed.ada, now=timezone.now())
    managed.work()
    Retirement.objects.update(attempts=retiring.MOST_ATTEMPTS - 2)
    work_after(managed, timedelta(days=1))
    assert of(old).state == "waiting"

    managed.at_stripe.admin.clear_faults()
    work_after(managed, timedelta(days=1))

    assert of(old).outcome == "refused"
    assert managed.living_at_stripe() == set()


def test_one_that_cannot_be_ended_is_told_to_ops_without_a_copy(managed: Managed, old: RestrictedKey) -> None:
    services.remove(key=old, user=managed.ada, now=timezone.now())
    Retirement.objects.update(attempts=300)

    managed.work()

    row = of(old)
    assert (row.state, row.sealed) == ("dead", "")
    assert to_ops() == ["A key could not be ended at Stripe"]
    assert revive(row)
    managed.work()
    assert of(old).outcome == "gone", "by Stripe's word"


def test_without_the_vault_at_the_switch_stripes_word_does(managed: Managed, old: RestrictedKey) -> None:
    KeyEnvelope.objects.filter(key=old).delete()

    rotate(managed)

    assert (of(old).outcome, of(old).sealed) == ("gone", "")
    assert history(old)[-1] == "Stripe shows it as ended."


def test_a_copy_that_opens_no_more_stops_nothing(
    managed: Managed, old: RestrictedKey, time_passes: Callable[[timedelta], None]
) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=60)
    rotate(managed)
    Retirement.objects.update(sealed="garbage")
    data_keys.forget()

    time_passes(timedelta(seconds=61))
    work_after(managed, MINUTE)

    assert of(old).outcome == "gone"


def test_a_refusal_proves_nothing_while_stripe_refuses_everybody(
    managed: Managed, old: RestrictedKey
) -> None:
    managed.at_stripe.admin.add_fault(kind="unauthorized", key=old.stripe_key_id, times=None)
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")
    services.remove(key=old, user=managed.ada, now=timezone.now())

    managed.work()

    assert brake.is_on()
    assert of(old).problem == "StripeRefusesMany"
    assert of(old).sealed


def test_no_merchants_key_is_ever_retired(managed: Managed) -> None:
    from tests.stripe_keys.keys import checked, paste

    key = checked(paste(managed.ada, managed.at_stripe.key(managed.account).token))
    services.remove(key=key, user=managed.ada, now=timezone.now())
    managed.work()

    assert not Retirement.objects.exists()
    assert managed.living_at_stripe() == {key.stripe_key_id}


def test_an_overlap_is_left_to_its_end(managed: Managed, old: RestrictedKey, settings: Settings) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    rotate(managed)

    row = of(old)
    assert (row.state, row.cause) == ("waiting", "replaced")
    assert row.expired_at is not None
    assert timedelta(minutes=59) < row.expired_at - timezone.now() <= timedelta(minutes=60)
    assert managed.living_at_stripe() == {old.stripe_key_id, managed.key().stripe_key_id}
    Retirement.objects.update(due_at=timezone.now())
    managed.work()
    assert (of(old).problem, of(old).outcome) == ("ServesUntilThen", "")

    managed.at_stripe.admin.end_overlap(old.stripe_key_id)
    work_after(managed, timedelta(minutes=61))

    assert of(old).outcome == "refused"
    assert managed.living_at_stripe() == {managed.key().stripe_key_id}
    calls = managed.at_stripe.admin.requests(method="POST", account=managed.account)
    assert not [call for call in calls if call["path"].endswith("/expire")]


def test_the_copy_opens_for_its_own_key_alone(managed: Managed, old: RestrictedKey) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=60)
    rotate(managed)
    row = of(old)

    with pytest.raises(vault.WillNotOpen):
        vault.unseal_copy("mk_another0000000", row.sealed)
    assert vault.unseal_copy(old.stripe_key_id, row.sealed).last4 == old.last4
