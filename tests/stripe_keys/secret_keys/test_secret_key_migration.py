"""What is recorded of an old secret key: who says that it is dead, or which event, and since when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Merchant, User
from stripe_keys import reports, secret_key_migration
from stripe_keys.models import SecretKeyMigration
from stripe_keys.secret_key_migration import AlreadyRetired, IsOfRestrictedKey, SaidBy
from tests.people import merchant_of
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db

ACCOUNT, OLD_KEY = "acct_1AdasAccount0000", "mk_1TheOldSecretKey000000"
SAID_AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ENDED = SaidBy("evt_test_1TheEnd", SAID_AT)


def named(
    user: User, *, livemode: bool = True, last4: str = "4dea", key_id: str = OLD_KEY
) -> SecretKeyMigration:
    """What a merchant has told of the old key."""
    return secret_key_migration.name_key(
        merchant=merchant_of(user), livemode=livemode, last4=last4, stripe_key_id=key_id
    )


def called_dead(user: User, *, livemode: bool = True) -> SecretKeyMigration:
    return secret_key_migration.confirm_dead(
        merchant=merchant_of(user), livemode=livemode, user=user, now=timezone.now()
    )


def reported(**about: Any) -> int:
    """Stripe says that a key has ended."""
    whose: dict[str, Any] = {"stripe_account_id": ACCOUNT, "livemode": True, "stripe_key_id": OLD_KEY}
    return reports.key_expired(**whose | about, said_by=ENDED, now=timezone.now())


def test_own_check_is_recorded_with_who_and_when(ada: User, ben: User) -> None:
    before = timezone.now()
    called_dead(ben)

    row = SecretKeyMigration.objects.get()
    assert (row.proof, row.proven_by, row.event_id) == ("own_check", ben, "")
    assert row.proven_at is not None
    assert row.retired_at == row.proven_at >= before


def test_what_was_recorded_first_stays(ada: User, ben: User) -> None:
    first = called_dead(ada)

    called_dead(ben)

    row = SecretKeyMigration.objects.get()
    assert (row.proven_by, row.proven_at) == (ada, first.proven_at)
    with pytest.raises(AlreadyRetired):
        named(ada)


def test_each_mode_has_an_old_key_of_its_own(ada: User) -> None:
    named(ada, livemode=False, last4="t357")
    called_dead(ada, livemode=True)

    found = SecretKeyMigration.objects.order_by("livemode").values_list("livemode", "last4", "proof")
    assert list(found) == [(False, "t357", ""), (True, "", "own_check")]


def test_event_about_the_named_key_is_the_proof(ada: User) -> None:
    bind_account(ada, ACCOUNT, livemode=True)
    named(ada)

    assert reported() == 1

    row = SecretKeyMigration.objects.get()
    assert (row.proof, row.event_id, row.proven_by) == ("event", ENDED.event_id, None)
    assert row.retired_at == SAID_AT
    assert row.proven_at is not None
    assert timezone.now() - row.proven_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    "about",
    [
        {"stripe_account_id": "acct_1OfSomebodyElse00"},
        {"livemode": False},
        {"stripe_key_id": "mk_1AnotherKey0000000000"},
        {"stripe_key_id": "", "livemode": False},
    ],
    ids=["account", "mode", "key", "no-key"],
)
def test_event_about_anything_else_proves_nothing(ada: User, about: dict[str, Any]) -> None:
    for livemode in (True, False):
        bind_account(ada, ACCOUNT, livemode=livemode)
    named(ada)
    named(ada, livemode=False, key_id="")

    assert reported(**about) == 0

    assert not SecretKeyMigration.objects.exclude(proof="").exists()


def test_whoever_names_the_key_of_anothers_account_learns_nothing(ada: User, eve: User) -> None:
    bind_account(ada, ACCOUNT, livemode=True)
    named(eve)

    assert reported() == 0
    assert not SecretKeyMigration.objects.get(merchant=merchant_of(eve)).is_retired


def test_event_after_the_own_check_changes_nothing(ada: User) -> None:
    bind_account(ada, ACCOUNT, livemode=True)
    named(ada)
    called_dead(ada)

    assert reported() == 0
    assert SecretKeyMigration.objects.get().proof == "own_check"


def test_closed_merchant_is_left_alone(ada: User, adas_merchant: Merchant) -> None:
    bind_account(ada, ACCOUNT, livemode=True)
    named(ada)
    Merchant.objects.filter(pk=adas_merchant.pk).update(closed_at=timezone.now())

    assert reported() == 0


def test_id_of_a_restricted_key_in_use_is_refused(ada: User, eve: User) -> None:
    a_key(ada, "active", stripe_account_id=ACCOUNT, stripe_key_id=OLD_KEY)

    with pytest.raises(IsOfRestrictedKey):
        named(ada)

    assert named(eve).stripe_key_id == OLD_KEY  # of others' keys nothing is told


def test_mistake_stays_on_record_and_the_key_counts_as_alive_again(ada: User, ben: User) -> None:
    named(ada)
    called_dead(ada)

    done = secret_key_migration.take_back(
        merchant=merchant_of(ada), livemode=True, user=ben, now=timezone.now()
    )

    mistake, current = SecretKeyMigration.objects.order_by("pk")
    assert done
    assert (mistake.proof, mistake.proven_by, mistake.taken_back_by) == ("own_check", ada, ben)
    assert (current.proof, current.last4, current.stripe_key_id) == ("", "4dea", OLD_KEY)


def test_after_an_event_that_was_about_another_key_its_id_is_forgotten(ada: User) -> None:
    bind_account(ada, ACCOUNT, livemode=True)
    named(ada)
    reported()

    secret_key_migration.take_back(merchant=merchant_of(ada), livemode=True, user=ada, now=timezone.now())

    current = SecretKeyMigration.objects.get(taken_back_at=None)
    assert (current.last4, current.stripe_key_id) == ("4dea", "")


def test_nothing_to_take_back_leaves_no_trace(ada: User) -> None:
    about = {"merchant": merchant_of(ada), "livemode": True, "user": ada, "now": timezone.now()}

    assert not secret_key_migration.take_back(**about)  # type: ignore[arg-type]
    assert not SecretKeyMigration.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"proof": "own_check"},
        {"proven_at": SAID_AT, "retired_at": SAID_AT},
        {"proof": "own_check", "proven_at": SAID_AT},
        {"proof": "event", "proven_at": SAID_AT, "retired_at": SAID_AT, "stripe_key_id": OLD_KEY},
        {"proof": "event", "proven_at": SAID_AT, "retired_at": SAID_AT, "event_id": "evt_1"},
        {"event_id": "evt_1"},
        {"taken_back_at": SAID_AT},
    ],
    ids=["no-moment", "no-proof", "no-end", "no-event", "no-key", "stray-event", "taken-back"],
)
def test_database_holds_proof_and_moment_together(adas_merchant: Merchant, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SecretKeyMigration.objects.create(merchant=adas_merchant, livemode=True, **wrong)
