"""A kept key whose envelope is gone, or came back after it was erased, is nobody's to use and can be pasted again."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import clients, lifecycle, services, vault
from stripe_keys.models import KeyEnvelope, RestrictedKey, Validation
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys
from tests.locks import somebody_waits
from tests.people import merchant_of
from tests.stripe_keys.audit.damage import audited, damage, found
from tests.stripe_keys.keys import AtStripe, StripeKey, check_again, checked
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rotation.stored import a_local_key, in_a_thread
from tests.waiting import eventually
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status


@pytest.fixture
def at_stripes(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key as Stripe holds it."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, at_stripes: StripeKey) -> RestrictedKey:
    """Ada's proven key."""
    return proven(ada, at_stripes)


def take_away(key: RestrictedKey) -> None:
    """Delete the envelope of `key` behind the site's back."""
    KeyEnvelope.objects.filter(key=key).delete()


@transaction.atomic
def put_back(key: RestrictedKey) -> None:
    """Remove `key`, and write its old row and envelope back, as somebody with rights in the database may."""
    old = KeyEnvelope.objects.get(key=key)
    lifecycle.move(key, Status.REMOVED, actor="a test", reason="It was removed.")
    assert not KeyEnvelope.objects.filter(key=key).exists()
    KeyEnvelope.objects.create(key=key, data_key=old.data_key, envelope=old.envelope)
    RestrictedKey.objects.filter(pk=key.pk).update(status=Status.ACTIVE)
    assert vault.decrypt(key).last4 == key.last4, "the vault alone would open it"


def add(user: User, token: str) -> services.Added:
    return services.add_key(merchant=merchant_of(user), user=user, secret=Secret(token), now=timezone.now())


@pytest.mark.parametrize("harm", [take_away, put_back])
def test_a_check_quarantines_it(key: RestrictedKey, harm: Callable[[RestrictedKey], None]) -> None:
    harm(key)

    after = check_again(key)

    assert after.quarantined_at is not None
    assert after.next_check_at is not None
    assert Validation.objects.filter(key=key).latest("pk").verdict == "unreadable"
    assert Notice.objects.filter(merchant=None, subject="A stored key does not open").count() == 1


@pytest.mark.parametrize("harm", [take_away, put_back])
def test_partner_code_does_not_get_it(key: RestrictedKey, harm: Callable[[RestrictedKey], None]) -> None:
    harm(key)

    with pytest.raises(clients.KeyUnreadable):
        clients.stripe_client(merchant=key.merchant, livemode=False)

    key.refresh_from_db()
    assert key.quarantined_at is not None


@pytest.mark.parametrize("harm", [take_away, damage])
def test_the_same_key_pasted_again_is_stored_afresh_before_anybody_noticed(
    key: RestrictedKey, at_stripes: StripeKey, ada: User, harm: Callable[[RestrictedKey], None]
) -> None:
    harm(key)

    added = add(ada, at_stripes.token)

    assert (added.key, added.already_saved, added.stored_afresh) == (key, True, True)
    assert vault.decrypt(key) == Secret(at_stripes.token)
    assert checked(key).is_usable
    clients.stripe_client(merchant=key.merchant, livemode=False)


def test_a_sound_key_is_not_stored_afresh(key: RestrictedKey, at_stripes: StripeKey, ada: User) -> None:
    assert not add(ada, at_stripes.token).stored_afresh


def test_trouble_of_the_vault_replaces_no_envelope(
    key: RestrictedKey, at_stripes: StripeKey, ada: User, settings: Settings
) -> None:
    before = KeyEnvelope.objects.get(key=key)
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("other")]
    data_keys.forget()

    assert not add(ada, at_stripes.token).stored_afresh

    assert KeyEnvelope.objects.get(key=key) == before


def test_what_was_put_back_gives_way_to_the_same_key_pasted_anew(
    key: RestrictedKey, at_stripes: StripeKey, ada: User, at_stripe: AtStripe
) -> None:
    put_back(key)
    check_again(key)

    added = add(ada, at_stripes.token)

    key.refresh_from_db()
    assert added.key != key
    assert not added.already_saved
    assert key.status == Status.REMOVED
    assert not KeyEnvelope.objects.filter(key=key).exists()
    assert vault.decrypt(added.key) == Secret(at_stripes.token)


def test_the_audit_names_what_was_put_back(key: RestrictedKey) -> None:
    put_back(key)

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} erased before" in printed
    assert found("restricted_key") == {"erased before": 1}


def test_an_erasure_before_the_key_is_opened_ends_it_for_partner_code(key: RestrictedKey, ada: User) -> None:
    problems: list[BaseException] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "LOCK TABLE stripe_keys_keyuse IN SHARE MODE"
        )  # it has read the key, and may not go on
        asking = in_a_thread(lambda: clients.stripe_client(merchant=key.merchant, livemode=False), problems)
        eventually(somebody_waits)
        services.remove(key=key, user=ada, now=timezone.now())
    asking.join()

    assert [type(problem) for problem in problems] == [clients.KeyRemoved]
    key.refresh_from_db()
    assert (key.status, key.quarantined_at) == (Status.REMOVED, None)


def test_an_erasure_before_the_key_is_opened_leaves_the_check_moot(key: RestrictedKey, ada: User) -> None:
    problems: list[BaseException] = []
    with transaction.atomic():
        lifecycle.request_validation(key, reason=Validation.Reason.OPS, now=timezone.now())
    with transaction.atomic():
        lifecycle.locked(key)
        worker = in_a_thread(lambda: engine.drain("validations"), problems)
        eventually(somebody_waits)
        services.remove(key=key, user=ada, now=timezone.now())
    worker.join()

    assert problems == []
    check = Validation.objects.filter(key=key).latest("pk")
    assert (check.state, check.verdict) == (DueRow.State.DONE, "moot")
    key.refresh_from_db()
    assert (key.status, key.quarantined_at) == (Status.REMOVED, None)
