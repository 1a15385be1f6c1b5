"""A row that stands in for a key which another merchant has: like any other to look at, and of no use."""

import base64
import os

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import services, vault
from stripe_keys.audit import kinds
from stripe_keys.models import KeyEnvelope, RestrictedKey
from stripe_keys.rotation import fingerprint_keys
from stripe_keys.secret import Secret
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import paste
from tests.stripe_keys.rows import ACCOUNT

Status = RestrictedKey.Status


def add(user: User, token: str) -> services.Added:
    return services.add_key(merchant=merchant_of(user), user=user, secret=Secret(token), now=timezone.now())


def test_a_stand_in_is_of_no_use_to_anybody(ada: User, eve: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    stand_in = paste(eve, token)

    with pytest.raises(IntegrityError), transaction.atomic():
        RestrictedKey.objects.filter(pk=stand_in.pk).update(status=Status.ACTIVE, stripe_account_id=ACCOUNT)
    assert (stand_in.last4, stand_in.livemode) == (token[-4:], False)
    assert vault.decrypt(stand_in) != Secret(token)


def test_a_stand_in_is_its_merchants_own_key_when_pasted_again(ada: User, eve: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    stand_in = add(eve, token)

    again = add(eve, token)

    assert (again.key, again.already_saved, again.stored_afresh) == (stand_in.key, True, False)


def test_a_stand_in_that_does_not_open_gets_another_made_up_text(ada: User, eve: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    stand_in = paste(eve, token)
    KeyEnvelope.objects.filter(key=stand_in).delete()

    assert add(eve, token).stored_afresh
    assert vault.decrypt(stand_in) != Secret(token)


def test_audit_and_fingerprint_rotation_pass_over_stand_ins(ada: User, eve: User, settings: Settings) -> None:
    token = a_restricted_key()
    names = [f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("first", "second")]
    settings.FINGERPRINT_KEYS = names
    paste(ada, token)
    stand_in = paste(eve, token)
    classes = {row.row_id: row.verify() for row in kinds.kinds()[kinds.RESTRICTED_KEY].after(None, 10)}
    settings.FINGERPRINT_KEYS = names[::-1]

    outcome = fingerprint_keys.mark_anew(on_progress=lambda _: None)

    assert classes[str(stand_in.pk)] == stand_in.envelope.data_key.kek_id
    assert (outcome.marked, outcome.unreadable, outcome.doubles) == (1, [], [])
    stand_in.refresh_from_db()
    assert stand_in.fingerprint_key_id == "first"
