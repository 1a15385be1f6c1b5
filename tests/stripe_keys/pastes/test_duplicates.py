"""The same key is recognised under every fingerprint key: it is one row of its merchant, and nobody else's."""

import base64
import os
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import quarantine, services, vault
from stripe_keys.models import KeyEnvelope, KeySubmission, RestrictedKey
from stripe_keys.pastes import stand_ins
from stripe_keys.secret import Secret
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import paste
from tests.waiting import eventually

Status = RestrictedKey.Status


@pytest.fixture
def fingerprint_keys() -> list[str]:
    """Two fingerprint keys, as FINGERPRINT_KEYS lists them."""
    return [f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("first", "second")]


@pytest.fixture
def after_a_rotation(settings: Settings, fingerprint_keys: list[str], ada: User) -> str:
    """A key that Ada pasted before the second fingerprint key became the primary one."""
    token = a_restricted_key()
    settings.FINGERPRINT_KEYS = fingerprint_keys
    paste(ada, token)
    settings.FINGERPRINT_KEYS = fingerprint_keys[::-1]
    return token


def add(user: User, token: str) -> services.Added:
    return services.add_key(merchant=merchant_of(user), user=user, secret=Secret(token), now=timezone.now())


def holds(key: RestrictedKey, token: str) -> bool:
    """Whether what is encrypted for `key` is this very text."""
    return vault.decrypt(key) == Secret(token)


def to_ops() -> list[Notice]:
    stand_ins.tell_ops_of_new_ones()
    return list(Notice.objects.filter(merchant=None))


def damaged(key: RestrictedKey) -> RestrictedKey:
    """The key with an envelope that does not open, quarantined as a check would do it."""
    KeyEnvelope.objects.filter(key=key).update(envelope=b"\x01" + os.urandom(200))
    quarantine.quarantine(key=key, now=timezone.now())
    key.refresh_from_db()
    return key


def test_new_row_and_its_paste_are_marked_by_the_primary(after_a_rotation: str, ada: User) -> None:
    key = paste(ada, a_restricted_key())

    assert key.fingerprint_key_id == "second"
    assert bytes(KeySubmission.objects.latest("pk").fingerprint) == bytes(key.fingerprint)


def test_own_key_is_recognised_by_an_older_fingerprint(after_a_rotation: str, ada: User) -> None:
    again = add(ada, after_a_rotation)

    assert again.already_saved
    assert again.key.fingerprint_key_id == "first"
    assert RestrictedKey.objects.count() == 1


def test_key_of_another_merchant_is_recognised_by_an_older_fingerprint(
    after_a_rotation: str, eve: User
) -> None:
    of_eve = add(eve, after_a_rotation)

    assert not of_eve.already_saved
    assert of_eve.key.stands_in_for == RestrictedKey.objects.get(added_by__email="ada@example.com")
    assert not holds(of_eve.key, after_a_rotation)


def test_without_the_older_fingerprint_key_it_would_not_be(
    after_a_rotation: str, eve: User, settings: Settings
) -> None:
    settings.FINGERPRINT_KEYS = settings.FINGERPRINT_KEYS[:1]

    assert add(eve, after_a_rotation).key.stands_in_for is None


@pytest.mark.django_db(transaction=True)
def test_two_processes_with_different_primaries_keep_a_key_once(
    ada: User, eve: User, settings: Settings, fingerprint_keys: list[str]
) -> None:
    token = a_restricted_key()
    added: list[services.Added] = []

    def paste_elsewhere() -> None:
        try:
            added.append(add(eve, token))
        finally:
            connection.close()

    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
            )
            return cursor.fetchone() is not None

    elsewhere = Thread(target=paste_elsewhere)
    with transaction.atomic():
        settings.FINGERPRINT_KEYS = fingerprint_keys
        here = add(ada, token).key
        settings.FINGERPRINT_KEYS = fingerprint_keys[::-1]
        elsewhere.start()
        eventually(lambda: is_waiting() or not elsewhere.is_alive())
    elsewhere.join()

    assert here.status == Status.PENDING
    assert [one.key.stands_in_for for one in added] == [here]
    assert holds(here, token)
    assert not holds(added[0].key, token)


def test_turns_are_taken_in_the_same_order_whatever_the_primary(
    ada: User, settings: Settings, fingerprint_keys: list[str]
) -> None:
    token = a_restricted_key()

    def locks(order: list[str]) -> list[str]:
        settings.FINGERPRINT_KEYS = order
        with CaptureQueriesContext(connection) as seen:
            add(ada, token)
        return [query["sql"] for query in seen if "pg_advisory_xact_lock" in query["sql"]]

    assert len(locks(fingerprint_keys)) == 2
    assert locks(fingerprint_keys) == locks(fingerprint_keys[::-1])


def test_ops_learn_once_a_day_of_a_key_that_two_merchants_tried(ada: User, eve: User) -> None:
    token = a_restricted_key()
    key = paste(ada, token)

    paste(eve, token)
    paste(eve, token)

    notice = to_ops()[0]
    assert len(to_ops()) == 1
    for named in (key.pk, key.merchant_id, merchant_of(eve).pk):
        assert str(named) in notice.body
    for never in (token[8:], key.last4, ada.email, eve.email, merchant_of(ada).name):
        assert never not in notice.subject + notice.body
    assert not Notice.objects.exclude(merchant=None).exists()


def test_ops_hear_nothing_of_ones_own_key(ada: User, ben: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    paste(ben, token)

    assert to_ops() == []


def test_refusal_looks_the_same_as_any_other(ada: User, eve: User, eves_browser: Client) -> None:
    token = a_restricted_key()
    paste(ada, token)

    answer = eves_browser.post(reverse("stripe_keys:paste_key", args=["test"]), {"key": token}, follow=True)

    eves = RestrictedKey.objects.get(merchant=merchant_of(eve))
    assert answer.redirect_chain[-1][0] == reverse("stripe_keys:key_detail", args=[eves.pk])
    assert list(answer.context["messages"]) == []
    assert [change.reason for change in eves.status_changes.all()] == ["The key was pasted."]


# --- A key whose envelope does not open ------------------------------------------------------------------------------


def test_quarantined_key_is_healed_by_the_same_key(ada: User) -> None:
    token = a_restricted_key()
    key = damaged(paste(ada, token))

    added = add(ada, token)

    assert (added.key, added.already_saved, added.stored_afresh) == (key, True, True)
    key.refresh_from_db()
    assert (key.quarantined_at, key.last_problem, key.status) == (None, "", Status.PENDING)
    assert vault.decrypt(key) == Secret(token)
    assert key.status_changes.latest("pk").reason == "The key was pasted again and stored afresh."
    assert key.validations.get(state="waiting").reason == "added"


def test_healing_keeps_what_is_known_of_the_key(ada: User) -> None:
    token = a_restricted_key()
    key = damaged(paste(ada, token))
    RestrictedKey.objects.update(
        status=Status.LIMITED, stripe_account_id="acct_1Ada", suspended_at=timezone.now()
    )

    add(ada, token)

    key.refresh_from_db()
    assert (key.status, key.stripe_account_id) == (Status.LIMITED, "acct_1Ada")
    assert key.suspended_at is not None


def test_healing_is_recognised_by_an_older_fingerprint(after_a_rotation: str, ada: User) -> None:
    damaged(RestrictedKey.objects.get())

    assert add(ada, after_a_rotation).stored_afresh


def test_limit_of_pastes_does_not_stand_in_the_way_of_healing(ada: User, settings: Settings) -> None:
    settings.PASTE_LIMIT_PER_HOUR = 1
    token = a_restricted_key()
    damaged(paste(ada, token))

    assert add(ada, token).stored_afresh


def test_another_merchant_heals_nothing(ada: User, eve: User) -> None:
    token = a_restricted_key()
    key = damaged(paste(ada, token))

    assert add(eve, token).key.stands_in_for == key

    key.refresh_from_db()
    assert key.quarantined_at is not None


def test_second_paste_after_healing_changes_nothing(ada: User) -> None:
    token = a_restricted_key()
    key = damaged(paste(ada, token))
    add(ada, token)
    lines = key.status_changes.count()

    again = add(ada, token)

    assert (again.already_saved, again.stored_afresh) == (True, False)
    assert key.status_changes.count() == lines


def test_page_says_that_the_key_is_stored_afresh(ada: User, adas_browser: Client) -> None:
    token = a_restricted_key()
    damaged(paste(ada, token))

    answer = adas_browser.post(reverse("stripe_keys:paste_key", args=["test"]), {"key": token}, follow=True)

    assert [str(message) for message in answer.context["messages"]] == [
        "The key is stored afresh and is being checked now. Nothing else is needed."
    ]


def test_different_key_takes_over_from_a_quarantined_one_as_from_any(ada: User) -> None:
    key = damaged(paste(ada, a_restricted_key()))
    RestrictedKey.objects.update(status=Status.ACTIVE, stripe_account_id="acct_1Ada")

    added = add(ada, a_restricted_key())

    key.refresh_from_db()
    assert (added.key.status, added.already_saved) == (Status.PENDING, False)
    assert (key.status, key.quarantined_at is not None) == (Status.ACTIVE, True)
