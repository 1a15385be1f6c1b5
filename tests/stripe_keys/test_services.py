"""What people can do with keys, and what the commands refuse."""

from datetime import datetime, timedelta
from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, Notice, User
from stripe_keys import installs, lifecycle, services, vault
from stripe_keys.models import (
    KeyEnvelope,
    KeySubmission,
    RestrictedKey,
    StatusChange,
    StripeInstall,
    Validation,
)
from stripe_keys.pastes.limits import TooManyPastes
from stripe_keys.secret import Secret
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import paste

Status = RestrictedKey.Status


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's key, pasted a moment ago."""
    return paste(ada, a_restricted_key())


def settle(key: RestrictedKey, status: str) -> RestrictedKey:
    """Bring a pending key to `status` without asking Stripe."""
    RestrictedKey.objects.filter(pk=key.pk).update(stripe_account_id=f"acct_{key.last4}00000000")
    with transaction.atomic():
        lifecycle.move(lifecycle.locked(key), status, actor="a test", reason="for this test")
    key.refresh_from_db()
    return key


def test_pasted_key_is_pending_encrypted_and_due_for_a_check(ada: User) -> None:
    token = a_restricted_key(livemode=True)

    key = paste(ada, token)

    assert (key.status, key.livemode, key.last4) == (Status.PENDING, True, token[-4:])
    assert vault.decrypt(key) == Secret(token)
    assert key.validations.get().lane == str(merchant_of(ada).pk)
    assert key.status_changes.get().actor == ada.email


def test_same_key_again_is_the_same_row(ada: User, ben: User) -> None:
    token = a_restricted_key()
    first = paste(ada, token)

    again = services.add_key(merchant=merchant_of(ben), user=ben, secret=Secret(token), now=timezone.now())

    assert again == services.Added(first, already_saved=True)
    assert RestrictedKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_double_click_makes_one_row(ada: User) -> None:
    token = a_restricted_key()
    added: list[RestrictedKey] = []

    def click() -> None:
        try:
            added.append(paste(ada, token))
        finally:
            connection.close()

    clicks = [Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert len(added) == 4
    assert RestrictedKey.objects.count() == KeyEnvelope.objects.count() == Validation.objects.count() == 1


def test_newer_paste_takes_the_place_of_one_that_waits(ada: User) -> None:
    first = paste(ada, a_restricted_key())

    second = paste(ada, a_restricted_key())

    first.refresh_from_db()
    assert (first.status, second.status) == (Status.REMOVED, Status.PENDING)
    assert not KeyEnvelope.objects.filter(key=first).exists()


def test_pending_keys_of_both_modes_live_side_by_side(ada: User) -> None:
    test, live = paste(ada, a_restricted_key()), paste(ada, a_restricted_key(livemode=True))

    test.refresh_from_db()
    assert (test.status, live.status) == (Status.PENDING, Status.PENDING)


def test_key_of_another_merchant_is_not_stored_and_nothing_is_said_of_them(ada: User, eve: User) -> None:
    token = a_restricted_key()
    adas = paste(ada, token)

    eves = paste(eve, token)

    assert (eves.status, eves.stands_in_for) == (Status.PENDING, adas)
    assert vault.decrypt(eves) != Secret(token)
    assert "ada" not in str(list(eves.status_changes.values())).lower()


def test_key_of_another_merchant_ends_one_that_waits_like_any_other(ada: User, eve: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    waiting = paste(eve, a_restricted_key())

    paste(eve, token)

    waiting.refresh_from_db()
    assert waiting.status == Status.REMOVED


def test_too_many_pastes_of_a_merchant_are_refused(ada: User, ben: User, settings: Settings) -> None:
    for _ in range(settings.PASTE_LIMIT_PER_HOUR):
        paste(ada, a_restricted_key())

    with pytest.raises(TooManyPastes) as refusal:
        paste(ben, a_restricted_key())

    assert timedelta(minutes=1) <= refusal.value.retry_after <= timedelta(hours=1)
    assert KeySubmission.objects.count() == settings.PASTE_LIMIT_PER_HOUR


def test_too_many_pastes_from_one_address_are_refused(ada: User, eve: User, settings: Settings) -> None:
    settings.PASTE_LIMIT_PER_ADDRESS_PER_HOUR = 2
    paste(ada, a_restricted_key(), remote_address="192.0.2.7")
    paste(eve, a_restricted_key(), remote_address="192.0.2.7")

    with pytest.raises(TooManyPastes):
        paste(eve, a_restricted_key(), remote_address="192.0.2.7")
    paste(eve, a_restricted_key(), remote_address="192.0.2.8")


def test_limit_of_the_hour_is_over_after_the_hour(ada: User, settings: Settings) -> None:
    settings.PASTE_LIMIT_PER_HOUR = 1
    paste(ada, a_restricted_key())
    KeySubmission.objects.update(at=timezone.now() - timedelta(minutes=61))

    assert paste(ada, a_restricted_key()).status == Status.PENDING


def test_check_now_has_a_cooldown(key: RestrictedKey, ada: User, settings: Settings) -> None:
    with pytest.raises(services.CheckedJustNow) as refusal:
        services.revalidate(key=key, user=ada, now=timezone.now())
    assert timedelta() < refusal.value.retry_after <= timedelta(seconds=settings.KEY_CHECK_COOLDOWN_SECONDS)

    later = timezone.now() + timedelta(seconds=settings.KEY_CHECK_COOLDOWN_SECONDS + 1)
    services.revalidate(key=key, user=ada, now=later)
    assert key.validations.count() == 1, "a check that waits is brought forward, not doubled"


@pytest.mark.parametrize("status", [Status.PENDING, Status.ACTIVE, Status.LIMITED])
def test_removed_key_is_erased_and_its_checks_end(key: RestrictedKey, ada: User, status: str) -> None:
    if status != Status.PENDING:
        settle(key, status)

    services.remove(key=key, user=ada, now=timezone.now())

    key.refresh_from_db()
    assert (key.status, key.next_check_at) == (Status.REMOVED, None)
    assert not KeyEnvelope.objects.filter(key=key).exists()
    assert not key.validations.filter(state=Validation.State.WAITING).exists()
    with pytest.raises(services.NotPossibleNow):
        services.remove(key=key, user=ada, now=timezone.now())
    with pytest.raises(services.NotPossibleNow):
        services.revalidate(key=key, user=ada, now=timezone.now())


def test_suspended_key_is_kept_unusable_and_told(key: RestrictedKey, olga: User) -> None:
    settle(key, Status.ACTIVE)

    services.suspend(key=key, actor=olga, now=timezone.now())

    key.refresh_from_db()
    assert key.is_kept
    assert not key.is_usable
    assert key.last4 in Notice.objects.get().body
    with pytest.raises(services.NotPossibleNow):
        services.suspend(key=key, actor=olga, now=timezone.now())

    services.resume(key=key, actor=olga, now=timezone.now())
    key.refresh_from_db()
    assert key.is_usable


def test_ops_recheck_skips_keys_that_ended(key: RestrictedKey, ada: User, olga: User) -> None:
    services.remove(key=key, user=ada, now=timezone.now())
    other = paste(ada, a_restricted_key())

    count = services.recheck_for_ops(keys=RestrictedKey.objects.all(), actor=olga, now=timezone.now())

    assert count == 1
    assert other.validations.count() == 1


@pytest.mark.parametrize("to", [Status.EXPIRED, Status.REPLACED, Status.PENDING])
def test_life_has_no_such_step(key: RestrictedKey, to: str) -> None:
    with pytest.raises(lifecycle.NotAMove), transaction.atomic():
        lifecycle.move(key, to, actor="a test", reason="to see it refused")


def test_move_from_a_status_that_is_gone_is_refused(key: RestrictedKey, ada: User) -> None:
    stale = RestrictedKey.objects.get(pk=key.pk)
    services.remove(key=key, user=ada, now=timezone.now())

    with pytest.raises(lifecycle.StatusMoved), transaction.atomic():
        lifecycle.move(stale, Status.ACTIVE, actor="a test", reason="too late")
    assert not StatusChange.objects.filter(to_status=Status.ACTIVE).exists()


def test_history_is_not_altered(key: RestrictedKey) -> None:
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        StatusChange.objects.filter(key=key).update(reason="rewritten")


def test_database_holds_one_usable_key_per_mode(ada: User) -> None:
    settle(paste(ada, a_restricted_key()), Status.ACTIVE)
    second = paste(ada, a_restricted_key())

    with pytest.raises(IntegrityError), transaction.atomic():
        RestrictedKey.objects.filter(pk=second.pk).update(status=Status.LIMITED, stripe_account_id="acct_2")


def test_database_refuses_a_usable_key_without_account(key: RestrictedKey) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RestrictedKey.objects.filter(pk=key.pk).update(status=Status.ACTIVE)


def test_database_holds_each_kept_key_once(key: RestrictedKey, eves_merchant: Merchant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RestrictedKey.objects.create(
            merchant=eves_merchant,
            livemode=False,
            last4=key.last4,
            fingerprint=bytes(key.fingerprint),
            fingerprint_key_id=key.fingerprint_key_id,
        )


def test_more_urgent_reason_brings_a_waiting_check_forward(key: RestrictedKey) -> None:
    now: datetime = timezone.now()
    Validation.objects.all().delete()
    later = timedelta(hours=1)
    lifecycle.request_validation(key, reason=Validation.Reason.PERIODIC, now=now, delay=later)

    lifecycle.request_validation(key, reason=Validation.Reason.EXPIRY_EVENT, now=now)

    waiting = key.validations.get()
    assert (waiting.reason, waiting.due_at) == (Validation.Reason.EXPIRY_EVENT, now)


@pytest.mark.django_db(transaction=True)
def test_same_key_pasted_by_two_merchants_at_once_is_kept_once(ada: User, eve: User) -> None:
    token = a_restricted_key()
    added: list[RestrictedKey] = []

    def click(user: User) -> None:
        try:
            added.append(paste(user, token))
        finally:
            connection.close()

    clicks = [Thread(target=click, args=[user]) for user in (ada, eve)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert sorted(vault.decrypt(key) == Secret(token) for key in added) == [False, True]


def test_binding_that_rested_on_a_key_alone_ends_with_it(ada: User) -> None:
    key = settle(paste(ada, a_restricted_key()), Status.ACTIVE)
    proofs = {"signed": StripeInstall.Proof.SIGNED_RETURN, "said": StripeInstall.Proof.MERCHANT}
    for livemode, proof in ((False, proofs["said"]), (True, proofs["signed"])):
        installs.bind(
            merchant=key.merchant,
            stripe_account_id=key.stripe_account_id,
            livemode=livemode,
            proof=proof,
            now=timezone.now(),
        )

    services.remove(key=key, user=ada, now=timezone.now())

    assert StripeInstall.objects.get(livemode=False).status == StripeInstall.Status.UNINSTALLED
    assert StripeInstall.objects.get(livemode=True).status == StripeInstall.Status.INSTALLED
