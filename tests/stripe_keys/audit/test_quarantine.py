"""Keys that do not open are quarantined, unless so many do not that the fault is ours."""

from django.utils import timezone

from accounts.models import User
from stripe_keys import audit
from stripe_keys.models import KeyEnvelope, RestrictedKey
from tests.stripe_keys.audit.damage import (
    a_kept_key,
    a_step,
    alarms,
    audited,
    damage,
    finish,
    many_kept_keys,
    newest,
)


def test_a_key_pasted_anew_meanwhile_is_not_quarantined(ada: User) -> None:
    key = a_kept_key(ada)
    whole = bytes(KeyEnvelope.objects.get(key=key).envelope)
    damage(key)
    walking = audit.Walk(audit.begin())
    while not newest().cursor.get("unreadable"):
        a_step(walking)

    KeyEnvelope.objects.filter(key=key).update(envelope=whole)
    finish(walking)

    key.refresh_from_db()
    assert key.quarantined_at is None


def test_ten_of_ten_are_rows_and_eleven_of_eleven_are_our_fault(ada: User) -> None:
    for key in (keys := many_kept_keys(ada, 11))[:10]:
        damage(key)
    audited()
    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 10
    RestrictedKey.objects.update(quarantined_at=None)
    damage(keys[10])

    status, printed = audited()

    assert status == 1
    assert "NO KEY WAS QUARANTINED" in printed
    assert "NO KEY WAS QUARANTINED" in alarms()[-1]
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()


def test_eleven_of_many_are_rows(ada: User) -> None:
    keys = many_kept_keys(ada, 220)
    for key in keys[:11]:
        damage(key)

    audited()

    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 11


def test_keys_in_quarantine_do_not_pull_the_brake_again(ada: User) -> None:
    keys = many_kept_keys(ada, 12)
    for key in keys:
        damage(key)
    RestrictedKey.objects.exclude(pk=keys[0].pk).update(quarantined_at=timezone.now())

    audited()

    keys[0].refresh_from_db()
    assert keys[0].quarantined_at is not None


def test_eleven_missing_envelopes_of_eleven_are_our_fault(ada: User) -> None:
    many_kept_keys(ada, 11)
    KeyEnvelope.objects.all().delete()

    _, printed = audited()

    assert "NO KEY WAS QUARANTINED" in printed
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()


def test_a_key_stored_afresh_meanwhile_is_not_quarantined(ada: User) -> None:
    key = a_kept_key(ada)
    old = KeyEnvelope.objects.get(key=key)
    KeyEnvelope.objects.all().delete()
    walking = audit.Walk(audit.begin())
    while not newest().cursor.get("unreadable"):
        a_step(walking)

    old.save(force_insert=True)
    finish(walking)

    key.refresh_from_db()
    assert key.quarantined_at is None
