"""Kept keys get a fingerprint under the new fingerprint key; duplicates are found before, during and after."""

import psycopg
import pytest
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import lifecycle, vault
from stripe_keys.models import KeyEnvelope, KeyUse, RestrictedKey
from stripe_keys.secret import Secret
from tests.locks import somebody_waits
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import paste
from tests.stripe_keys.rotation.stored import (
    Ran,
    a_local_key,
    a_stored_key,
    flip_last_bit,
    in_a_thread,
    run,
)
from tests.stripe_keys.rows import a_key
from tests.waiting import eventually
from tests.work.processes import database_url

pytestmark = pytest.mark.django_db
Status = RestrictedKey.Status


def mark_of(key: RestrictedKey) -> tuple[str, bytes]:
    fresh = RestrictedKey.objects.get(pk=key.pk)
    return fresh.fingerprint_key_id, bytes(fresh.fingerprint)


def expected_mark(secret: Secret) -> tuple[str, bytes]:
    """The fingerprint of `secret` under the primary fingerprint key."""
    first = vault.fingerprints(secret)[0]
    return first.key_id, first.digest


def test_kept_keys_are_marked_with_the_primary(
    adas_merchant: Merchant, eves_merchant: Merchant, old_mark: str, settings: Settings
) -> None:
    secrets = [Secret(a_restricted_key()) for _ in range(2)]
    keys = [
        a_stored_key(merchant, secret)
        for merchant, secret in zip((adas_merchant, eves_merchant), secrets, strict=True)
    ]
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), old_mark]

    ran = run("rotate_fingerprints")

    assert not ran.failed
    assert ran.output == "2 kept keys marked with f2.\n"
    assert [mark_of(key) for key in keys] == [expected_mark(secret) for secret in secrets]
    assert set(KeyUse.objects.values_list("key_id", "actor", "reason")) == {
        (key.pk, "rotation", "New fingerprint") for key in keys
    }
    assert run("rotate_fingerprints").output == "0 kept keys marked with f2.\n"
    assert KeyUse.objects.count() == 2


def test_a_dry_run_changes_nothing(adas_merchant: Merchant, old_mark: str, settings: Settings) -> None:
    key = a_stored_key(adas_merchant)
    before = mark_of(key)
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), old_mark]

    ran = run("rotate_fingerprints", "--dry-run")

    assert ran.output == "Would mark 1 kept keys of f1 with f2.\nNothing was changed.\n"
    assert mark_of(key) == before
    assert not KeyUse.objects.exists()


def test_ended_keys_keep_theirs_and_say_for_how_long_the_old_key_is_needed(
    ada: User, old_mark: str, settings: Settings
) -> None:
    ended = a_stored_key(merchant_of(ada))
    lifecycle.move(ended, Status.REMOVED, actor="a test", reason="It ended.")
    before = mark_of(ended)
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), old_mark]

    ran = run("rotate_fingerprints")

    assert not ran.failed
    assert "1 ended keys stay on f1: their text is gone. Keep f1 in FINGERPRINT_KEYS" in ran.output
    assert mark_of(ended) == before


def test_a_key_that_does_not_open_is_named_and_left(
    adas_merchant: Merchant, eves_merchant: Merchant, old_mark: str, settings: Settings
) -> None:
    bad, good = a_stored_key(adas_merchant), a_stored_key(eves_merchant)
    KeyEnvelope.objects.filter(key=bad).update(
        envelope=flip_last_bit(KeyEnvelope.objects.get(key=bad).envelope)
    )
    before = mark_of(bad)
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), old_mark]

    ran = run("rotate_fingerprints")

    assert ran.failed
    assert f"Does not open, and stays as it was: key {bad.pk}\n" in ran.output
    assert ran.output.endswith("1 kept keys still have an old fingerprint.")
    assert mark_of(bad) == before
    assert mark_of(good)[0] == "f2"
    assert [use.key for use in KeyUse.objects.all()] == [good]


def test_a_kept_key_without_an_envelope_is_named(ada: User, old_mark: str, settings: Settings) -> None:
    key = a_key(ada)

    ran = run("rotate_fingerprints")

    assert ran.failed
    assert f"key {key.pk}" in ran.output


def test_the_same_key_is_recognised_before_during_and_after(
    ada: User, eve: User, old_mark: str, settings: Settings
) -> None:
    token = a_restricted_key()
    key = paste(ada, token)
    seen = []

    for listed in ([old_mark, a_local_key("f2")], None):
        settings.FINGERPRINT_KEYS = listed or settings.FINGERPRINT_KEYS[::-1]
        seen.append((paste(ada, token), pasted_anew(eve, token).stands_in_for))
    run("rotate_fingerprints")
    seen.append((paste(ada, token), pasted_anew(eve, token).stands_in_for))
    settings.FINGERPRINT_KEYS = settings.FINGERPRINT_KEYS[:1]
    seen.append((paste(ada, token), pasted_anew(eve, token).stands_in_for))

    assert seen == [(key, key)] * 4


def pasted_anew(user: User, token: str) -> RestrictedKey:
    """The row of a new paste: the one before it has ended."""
    RestrictedKey.objects.filter(added_by=user).update(status=Status.REJECTED)
    return paste(user, token)


def test_two_kept_keys_of_one_text_are_told(
    adas_merchant: Merchant, eves_merchant: Merchant, old_mark: str, settings: Settings
) -> None:
    secret = Secret(a_restricted_key())
    older = a_stored_key(adas_merchant, secret)
    settings.FINGERPRINT_KEYS = [a_local_key("f2")]  # the mistake: nobody looked for f1 any more
    a_stored_key(eves_merchant, secret)
    settings.FINGERPRINT_KEYS = [*settings.FINGERPRINT_KEYS, old_mark]

    ran = run("rotate_fingerprints")

    assert ran.failed
    assert f"Holds the same text as another kept key, and stays as it was: key {older.pk}" in ran.output
    assert mark_of(older)[0] == "f1"
    assert [use.key for use in KeyUse.objects.all()] == [older], "it was opened all the same"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["removed", "marked"])
def test_a_key_that_changed_since_it_was_read_is_left_alone(
    adas_merchant: Merchant, old_mark: str, settings: Settings, what: str
) -> None:
    key = a_stored_key(adas_merchant)
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), old_mark]
    changes = {
        "removed": "UPDATE stripe_keys_restrictedkey SET status = 'removed'",
        "marked": "UPDATE stripe_keys_restrictedkey SET fingerprint = 'x', fingerprint_key_id = 'f2'",
    }
    problems: list[BaseException] = []
    failed: list[bool] = []

    with psycopg.connect(database_url()) as other:
        other.execute("SELECT FROM stripe_keys_restrictedkey FOR NO KEY UPDATE")
        other.execute(changes[what])  # the fingerprint is no key that others refer to
        thread = in_a_thread(lambda: failed.append(run("rotate_fingerprints").failed), problems)
        eventually(somebody_waits)
        other.commit()
    thread.join()

    assert problems == []
    assert failed == [False]
    marks = {"removed": "f1", "marked": "f2"}
    assert mark_of(key)[0] == marks[what]
    assert mark_of(key)[1] == b"x" or what == "removed"


def test_all_repairs_what_a_wrong_key_of_the_same_name_has_marked(
    adas_merchant: Merchant, old_mark: str, settings: Settings
) -> None:
    secret = Secret(a_restricted_key())
    settings.FINGERPRINT_KEYS = [a_local_key("f1")]
    key = a_stored_key(adas_merchant, secret)
    settings.FINGERPRINT_KEYS = [old_mark]
    assert run("rotate_fingerprints").output == "0 kept keys marked with f1.\n"
    assert mark_of(key) != expected_mark(secret)
    assert run("rotate_fingerprints", "--all", "--dry-run").output == (
        "Would mark 1 kept keys of f1 with f1.\nNothing was changed.\n"
    )

    ran = run("rotate_fingerprints", "--all")

    assert ran == Ran("1 kept keys marked with f1.\n", failed=False)
    assert mark_of(key) == expected_mark(secret)


def test_all_fails_if_a_key_under_the_primary_does_not_open(adas_merchant: Merchant, old_mark: str) -> None:
    key = a_stored_key(adas_merchant)
    KeyEnvelope.objects.update(envelope=flip_last_bit(KeyEnvelope.objects.get().envelope))

    ran = run("rotate_fingerprints", "--all")

    assert ran.failed
    assert f"Does not open, and stays as it was: key {key.pk}" in ran.output
