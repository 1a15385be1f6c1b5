"""A call that Stripe refuses has the key checked within seconds, and a thousand of them no more than one does."""

from datetime import timedelta

import pytest
import stripe
from django.utils import timezone
from pytest_django import Settings

from stripe_keys import usage
from stripe_keys.clients import StripeClient
from stripe_keys.models import KeyUsage, RestrictedKey, Validation
from stripe_keys.usage import refusals
from tests.stripe_keys.keys import AtStripe, StripeKey, all_but, checked
from tests.stripe_keys.usage.noted import counted
from tests.waiting import eventually

Status = RestrictedKey.Status
FORBIDDEN, UNAUTHORIZED = KeyUsage.Outcome.FORBIDDEN, KeyUsage.Outcome.UNAUTHORIZED
REFUSAL = b'{"error": {"type": "invalid_request_error", "message": "Permission denied."}}'


def looks(key: RestrictedKey) -> int:
    """How many checks were asked for because a call was refused."""
    return Validation.objects.filter(key=key, reason=Validation.Reason.USE_REFUSED).count()


def an_earlier_look(key: RestrictedKey, *, seconds_ago: float) -> None:
    """A check of that kind that found the key alive."""
    Validation.objects.create(
        key=key,
        merchant_id=key.merchant_id,
        lane=str(key.merchant_id),
        reason=Validation.Reason.USE_REFUSED,
        state=Validation.State.DONE,
        verdict=Status.ACTIVE,
        finished_at=timezone.now() - timedelta(seconds=seconds_ago),
    )


def test_a_permission_that_was_taken_away_is_noticed_by_the_first_call(
    client: StripeClient, key: RestrictedKey, at_stripe: AtStripe, stripes_key: StripeKey
) -> None:
    at_stripe.admin.change_key(stripes_key.id, permissions=all_but("charge_read"))

    with pytest.raises(stripe.PermissionError):
        client.v1.charges.list()

    eventually(lambda: looks(key), timeout=4)  # less than counts may wait
    assert checked(key).status == Status.LIMITED
    assert counted(key) == {("GET", "/v1/charges", "forbidden"): 1}


def test_an_expired_key_ends_with_the_first_call(
    client: StripeClient, key: RestrictedKey, at_stripe: AtStripe, stripes_key: StripeKey
) -> None:
    at_stripe.admin.expire_key(stripes_key.id, lag=0)

    with pytest.raises(stripe.AuthenticationError):
        client.v1.charges.list()

    usage.flush()
    assert checked(key).status == Status.EXPIRED
    assert counted(key) == {("GET", "/v1/charges", "unauthorized"): 1}


def test_a_refused_key_ends_with_the_second_look(
    client: StripeClient,
    key: RestrictedKey,
    at_stripe: AtStripe,
    stripes_key: StripeKey,
    settings: Settings,
) -> None:
    at_stripe.admin.add_fault("unauthorized", key=stripes_key.id, times=None)
    with pytest.raises(stripe.AuthenticationError):
        client.v1.charges.list()
    usage.flush()
    assert checked(key).status == Status.ACTIVE, "one refusal ends nothing"

    refusals.look_into(key.pk, UNAUTHORIZED, timezone.now())
    second = Validation.objects.get(key=key, state=Validation.State.WAITING)
    assert (second.reason, second.due_at > timezone.now()) == (Validation.Reason.SECOND_LOOK, True)

    settings.KEY_CONFIRM_DEAD_AFTER_SECONDS = 0
    Validation.objects.filter(pk=second.pk).update(due_at=timezone.now())
    assert checked(key).status == Status.EXPIRED


def test_ten_thousand_refusals_lead_to_one_check(key: RestrictedKey) -> None:
    note = usage.note_taker(key)
    for _ in range(10_000):
        note("get", "/v1/charges", 403, REFUSAL)
    usage.flush()
    checked(key)
    usage.forget()  # as another process, which has seen nothing of it
    note("get", "/v1/charges", 403, REFUSAL)

    usage.flush()

    assert looks(key) == 1
    assert counted(key) == {("GET", "/v1/charges", "forbidden"): 10_001}


def test_a_wrong_account_says_nothing_about_the_key(client: StripeClient, key: RestrictedKey) -> None:
    with pytest.raises(stripe.PermissionError):
        client.v1.charges.list({}, {"stripe_account": "acct_1OfSomebodyElse"})

    assert counted(key) == {("GET", "/v1/charges", "invalid"): 1}
    assert looks(key) == 0


def test_a_call_that_is_refused_for_ever_is_followed_up_less_and_less(key: RestrictedKey) -> None:
    for seconds_ago in (75, 200, 500):
        an_earlier_look(key, seconds_ago=seconds_ago)

    refusals.look_into(key.pk, FORBIDDEN, timezone.now())
    assert looks(key) == 3, "30 s were doubled twice"
    refusals.look_into(key.pk, FORBIDDEN, timezone.now() + timedelta(seconds=50))
    assert looks(key) == 4


def test_a_key_that_dies_right_after_a_check_is_looked_at_when_the_pause_ends(key: RestrictedKey) -> None:
    an_earlier_look(key, seconds_ago=10)

    refusals.look_into(key.pk, UNAUTHORIZED, timezone.now())
    refusals.look_into(key.pk, UNAUTHORIZED, timezone.now())

    waiting = Validation.objects.get(key=key, state=Validation.State.WAITING)
    wait = waiting.due_at - timezone.now()
    assert timedelta(seconds=15) < wait < timedelta(seconds=21)


def test_a_key_that_is_gone_or_at_its_end_is_left_alone(key: RestrictedKey) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(status=Status.REMOVED)
    refusals.look_into(key.pk, UNAUTHORIZED, timezone.now())
    KeyUsage.objects.all().delete()
    Validation.objects.all().delete()
    RestrictedKey.objects.filter(pk=key.pk).delete()
    refusals.look_into(key.pk, UNAUTHORIZED, timezone.now())

    assert looks(key) == 0
