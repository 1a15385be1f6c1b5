"""What a worker concludes from Stripe's answers: right verdicts, and no key killed by an outage."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import installs, services, tasks
from stripe_keys.models import KeyEnvelope, PermissionCheck, RestrictedKey, StripeInstall, Validation
from tests.people import a_restricted_key
from tests.stripe_keys.keys import (
    REQUIRED,
    AtStripe,
    StripeKey,
    all_but,
    bind_account,
    check_again,
    checked,
    paste,
)
from work.models import DueRow

Status = RestrictedKey.Status


def outcomes(key: RestrictedKey) -> dict[str, str]:
    """What the latest check found, by permission."""
    latest = key.validations.filter(permission_checks__isnull=False).latest("created_at")
    return dict(PermissionCheck.objects.filter(validation=latest).values_list("permission", "outcome"))


def test_key_with_every_permission_becomes_active(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)

    key = checked(paste(ada, stripe_key.token))

    assert (key.status, key.stripe_account_id) == (Status.ACTIVE, stripe_key.account)
    assert key.stripe_key_id == stripe_key.id, "a refused request on purpose names the key"
    assert outcomes(key) == dict.fromkeys(REQUIRED, "granted")
    assert key.next_check_at is not None
    assert key.next_check_at > timezone.now() + timedelta(hours=9)
    assert key.is_settled


def test_key_without_some_permission_is_limited_and_names_it(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada, permissions=all_but("payout_read"))

    key = checked(paste(ada, stripe_key.token))

    assert key.status == Status.LIMITED
    assert outcomes(key)["payout_read"] == "missing"
    assert "Payouts" in key.status_changes.latest("at").reason


def test_key_with_no_useful_permission_is_still_bound_to_its_account(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada, permissions=["token_read"])

    key = checked(paste(ada, stripe_key.token))

    assert (key.status, key.stripe_account_id) == (Status.LIMITED, stripe_key.account)


def test_permission_given_or_taken_later_moves_the_key(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada, permissions=all_but("payout_read"))
    key = checked(paste(ada, stripe_key.token))

    at_stripe.admin.change_key(stripe_key.id, permissions=REQUIRED)
    assert check_again(key).status == Status.ACTIVE

    at_stripe.admin.change_key(stripe_key.id, permissions=all_but("charge_read"))
    assert check_again(key).status == Status.LIMITED
    assert "Charges" in Notice.objects.get().body


def test_key_that_stripe_does_not_know_is_rejected_and_erased(ada: User, at_stripe: AtStripe) -> None:
    key = checked(paste(ada, a_restricted_key()))

    assert (key.status, key.last_problem) == (Status.REJECTED, "not_usable")
    assert not KeyEnvelope.objects.filter(key=key).exists()


@pytest.mark.parametrize("why", ["unknown", "expired", "other_account", "other_merchants_account"])
def test_useless_keys_are_told_apart_by_nobody(ada: User, eve: User, at_stripe: AtStripe, why: str) -> None:
    at_stripe.bound_key(ada)
    token = a_restricted_key()
    if why == "expired":
        dead = at_stripe.key()
        at_stripe.admin.expire_key(dead.id, lag=0)
        token = dead.token
    elif why == "other_account":
        token = at_stripe.key().token
    elif why == "other_merchants_account":
        token = at_stripe.bound_key(eve).token

    key = checked(paste(ada, token))

    assert (key.status, key.last_problem, key.stripe_account_id) == (Status.REJECTED, "not_usable", "")
    assert not PermissionCheck.objects.filter(validation__key=key).exists()


def test_first_key_without_an_install_waits_for_the_merchants_word(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.key()

    key = checked(paste(ada, stripe_key.token))

    assert (key.status, key.awaits_account_confirmation) == (Status.PENDING, True)
    assert key.stripe_account_id == stripe_key.account
    assert not PermissionCheck.objects.exists(), "nothing is shown of a key that may be somebody else's"

    installs.confirm_account(key=key, user=ada, now=timezone.now())

    assert checked(key).status == Status.ACTIVE
    assert StripeInstall.objects.get().proof == StripeInstall.Proof.MERCHANT


def test_account_of_another_merchant_cannot_be_confirmed(ada: User, eve: User, at_stripe: AtStripe) -> None:
    key = checked(paste(ada, at_stripe.key().token))
    bind_account(eve, key.stripe_account_id)

    with pytest.raises(installs.InstallRefused, match="taken"):
        installs.confirm_account(key=key, user=ada, now=timezone.now())


def test_account_that_nobody_names_leaves_the_key_pending(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada, permissions=all_but("connected_account_read"))
    at_stripe.admin.switch(error_wording="vague")

    key = checked(paste(ada, stripe_key.token))

    assert (key.status, key.last_problem) == (Status.PENDING, "account_unknown")


@pytest.mark.parametrize(
    ("kind", "rule", "problem"),
    [
        ("rate_limit", {"reason": "global-rate"}, "rate_limited"),
        ("lock_timeout", {}, "locked"),
        ("error", {"status": 503}, "stripe_error"),
        ("reset", {}, "no_connection"),
        ("truncated", {}, "no_connection"),
        ("html", {"status": 200}, "unreadable_answer"),
    ],
)
def test_outage_never_changes_a_status(
    ada: User, at_stripe: AtStripe, kind: str, rule: dict[str, object], problem: str
) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    at_stripe.admin.add_fault(kind, key=stripe_key.id, times=None, **rule)

    for failures in (1, 2):
        key = check_again(key)

        assert (key.status, key.consecutive_failures, key.last_problem) == (Status.ACTIVE, failures, problem)

    at_stripe.admin.clear_faults()
    key = check_again(key)
    assert (key.status, key.consecutive_failures, key.last_problem) == (Status.ACTIVE, 0, "")


def test_pasted_key_waits_out_an_outage(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    at_stripe.admin.add_fault("error", key=stripe_key.id, status=500, path="/v1/account$")

    key = checked(paste(ada, stripe_key.token))
    assert key.status == Status.PENDING
    again = key.validations.get(state=DueRow.State.WAITING)
    assert timezone.now() < again.due_at < timezone.now() + timedelta(seconds=10)

    Validation.objects.filter(pk=again.pk).update(due_at=timezone.now())
    assert checked(key).status == Status.ACTIVE


def test_one_unsure_permission_keeps_a_pasted_key_pending(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    at_stripe.admin.add_fault("error", key=stripe_key.id, path="/v1/payouts", status=500)

    key = checked(paste(ada, stripe_key.token))

    assert key.status == Status.PENDING
    assert outcomes(key)["payout_read"] == "unknown"


def test_allowlist_refusal_changes_nothing(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    at_stripe.admin.change_key(stripe_key.id, ip_allowlist=["203.0.113.9"])

    key = check_again(key)

    assert (key.status, key.last_problem) == (Status.ACTIVE, "address_refused")


def test_expired_at_stripe_ends_the_key_at_once(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    at_stripe.admin.expire_key(stripe_key.id, lag=0)

    key = check_again(key)

    assert key.status == Status.EXPIRED
    assert not KeyEnvelope.objects.filter(key=key).exists()
    assert key.last4 in Notice.objects.get().subject


def test_unexplained_refusal_must_be_seen_twice(ada: User, at_stripe: AtStripe, settings: Settings) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    at_stripe.admin.add_fault("unauthorized", key=stripe_key.id, times=None)

    key = check_again(key)
    assert (key.status, key.last_problem) == (Status.ACTIVE, "key_refused")
    second = key.validations.get(state=DueRow.State.WAITING)
    assert second.reason == Validation.Reason.SECOND_LOOK

    key = check_again(key)
    assert key.status == Status.ACTIVE, "two refusals within moments are one"

    settings.KEY_CONFIRM_DEAD_AFTER_SECONDS = 0
    assert check_again(key).status == Status.EXPIRED


def test_refusal_that_was_a_mistake_is_forgotten(ada: User, at_stripe: AtStripe, settings: Settings) -> None:
    settings.KEY_CONFIRM_DEAD_AFTER_SECONDS = 0
    stripe_key = at_stripe.bound_key(ada)
    key = checked(paste(ada, stripe_key.token))
    settings.KEY_CONFIRM_DEAD_AFTER_SECONDS = 60
    at_stripe.admin.add_fault("unauthorized", key=stripe_key.id)
    check_again(key)

    key = check_again(key)

    assert (key.status, key.first_refused_at, key.last_problem) == (Status.ACTIVE, None, "")


def test_key_removed_during_its_check_stays_removed(ada: User, at_stripe: AtStripe) -> None:
    stripe_key: StripeKey = at_stripe.bound_key(ada)
    key = paste(ada, stripe_key.token)
    services.remove(key=key, user=ada, now=timezone.now())
    Validation.objects.filter(key=key).update(state=DueRow.State.WAITING)

    assert checked(key).status == Status.REMOVED
    assert key.validations.get().verdict == "moot"


def test_sweep_plans_what_is_due_once(ada: User, at_stripe: AtStripe) -> None:
    key = checked(paste(ada, at_stripe.bound_key(ada).token))
    tasks.plan_due_checks()
    assert not key.validations.filter(state=DueRow.State.WAITING).exists(), "not due yet"
    RestrictedKey.objects.update(next_check_at=timezone.now())

    tasks.plan_due_checks()
    tasks.plan_due_checks()

    assert key.validations.get(state=DueRow.State.WAITING).reason == Validation.Reason.PERIODIC


def test_key_that_nobody_could_prove_is_given_up_and_erased(ada: User, at_stripe: AtStripe) -> None:
    waiting = checked(paste(ada, at_stripe.key().token))
    proven = checked(paste(ada, at_stripe.bound_key(ada, livemode=True).token))
    tasks.give_up_on_unproven_keys()
    waiting.refresh_from_db()
    assert waiting.status == Status.PENDING, "it has time yet"
    RestrictedKey.objects.update(created_at=timezone.now() - timedelta(days=8))

    tasks.give_up_on_unproven_keys()

    for key in (waiting, proven):
        key.refresh_from_db()
    assert (waiting.status, waiting.last_problem) == (Status.REJECTED, "never_proven")
    assert not KeyEnvelope.objects.filter(key=waiting).exists()
    assert proven.status == Status.ACTIVE
