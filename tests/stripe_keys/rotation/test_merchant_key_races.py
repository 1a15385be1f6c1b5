"""A merchant's rotation beside others: pastes wait their turn, uses do not wait, endings end."""

import psycopg
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Merchant, User
from stripe_keys import lifecycle, services, vault
from stripe_keys.models import KeyEnvelope, KeyUse, MerchantDataKey, RestrictedKey
from stripe_keys.rotation import merchant_keys
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys
from tests.locks import somebody_waits
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.rotation.stored import Bystanders, Ran, a_stored_key, in_a_thread, run
from tests.waiting import eventually
from tests.work.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)
READERS = WRITERS = 4
ROTATIONS = 3


def every_key_opens() -> bool:
    data_keys.forget()
    kept = list(RestrictedKey.objects.kept())
    return [vault.decrypt(key).last4 for key in kept] == [key.last4 for key in kept]


def test_pastes_and_uses_go_on(adas_merchant: Merchant) -> None:
    keys = [a_stored_key(adas_merchant, purpose=f"first-{number}") for number in range(6)]

    def use(me: int, turn: int) -> None:
        key = keys[(turn + me) % len(keys)]
        with transaction.atomic():  # as the partner's engineers do
            lifecycle.record_use(key, actor="a test", reason="Reading along")
            assert vault.decrypt(key).last4 == key.last4

    def paste(me: int, turn: int) -> None:
        secret = Secret(a_restricted_key())
        assert vault.decrypt(a_stored_key(adas_merchant, secret, purpose=f"{me}-{turn}")) == secret

    with Bystanders(*[use] * READERS, *[paste] * WRITERS) as bystanders:
        for _ in range(ROTATIONS):
            ran = run("rotate_merchant_key", str(adas_merchant.pk))
            assert not ran.failed, ran.output
            bystanders.all_go_on()

    assert bystanders.problems == []
    assert [row.version for row in MerchantDataKey.objects.all()] == [ROTATIONS + 1]
    assert every_key_opens()


def test_a_use_does_not_wait_for_a_rotation_and_a_paste_does(adas_merchant: Merchant) -> None:
    key = a_stored_key(adas_merchant)
    problems: list[BaseException] = []
    opened: list[str] = []
    pasted: list[RestrictedKey] = []

    def use() -> None:
        with transaction.atomic():
            lifecycle.record_use(key, actor="a test", reason="Reading along")
            opened.append(vault.decrypt(key).last4)

    with transaction.atomic():
        merchant_keys.rotate(adas_merchant.pk)  # not yet committed
        reader = in_a_thread(use, problems)
        reader.join(timeout=10)
        assert not reader.is_alive(), "it waits"
        writer = in_a_thread(
            lambda: pasted.append(a_stored_key(adas_merchant, purpose="meanwhile")), problems
        )
        eventually(somebody_waits)
        assert pasted == []
    writer.join()

    assert problems == []
    assert opened == [key.last4]
    assert KeyEnvelope.objects.get(key=pasted[0]).data_key.version == 2
    assert every_key_opens()


def test_a_key_that_is_removed_meanwhile_stays_removed(ada: User) -> None:
    kept, removed = (a_stored_key(merchant_of(ada), purpose=purpose) for purpose in ("kept", "removed"))
    problems: list[BaseException] = []

    with transaction.atomic():
        lifecycle.move(lifecycle.locked(removed), "removed", actor="a test", reason="It ended.")
        thread = in_a_thread(lambda: merchant_keys.rotate(merchant_of(ada).pk), problems)
        eventually(somebody_waits)
    thread.join()

    assert problems == []
    assert [envelope.key for envelope in KeyEnvelope.objects.all()] == [kept]
    assert [use.key for use in KeyUse.objects.filter(actor="rotation")] == [kept]


def test_a_removal_waits_for_a_rotation_and_erases_what_it_wrote(ada: User) -> None:
    key = a_stored_key(merchant_of(ada))
    problems: list[BaseException] = []

    with transaction.atomic():
        merchant_keys.rotate(merchant_of(ada).pk)
        thread = in_a_thread(lambda: services.remove(key=key, user=ada, now=timezone.now()), problems)
        eventually(somebody_waits)
    thread.join()

    assert problems == []
    assert not KeyEnvelope.objects.exists()


def test_a_rotation_that_breaks_off_leaves_everything_as_it_was(adas_merchant: Merchant) -> None:
    key = a_stored_key(adas_merchant)
    before = bytes(KeyEnvelope.objects.get().envelope)
    problems: list[BaseException] = []
    told: list[Ran] = []

    with psycopg.connect(database_url()) as other:
        other.execute("SELECT FROM stripe_keys_keyenvelope FOR UPDATE")
        thread = in_a_thread(lambda: told.append(run("rotate_merchant_key", "--all")), problems)
        eventually(somebody_waits)
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        thread.join()

    assert problems == []
    assert told[0].failed
    assert bytes(KeyEnvelope.objects.get().envelope) == before
    assert [row.version for row in MerchantDataKey.objects.all()] == [1]
    assert not KeyUse.objects.exists()
    assert vault.decrypt(key).last4 == key.last4
