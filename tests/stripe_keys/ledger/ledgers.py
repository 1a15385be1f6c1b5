"""The deletion ledger of a test, and keys whose erasure it should remember."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import User
from stripe_keys import ledger, services, vault
from stripe_keys.models import LedgerEntry, RestrictedKey
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
from tests.stripe_keys.rows import a_key
from work import engine


def a_stored_key(user: User, status: str = "active", **fields: Any) -> RestrictedKey:
    """A key of `user`'s merchant with an envelope that opens."""
    secret = Secret(a_restricted_key(livemode=fields.get("livemode", False)))
    mark = vault.fingerprints(secret)[0]
    of_secret: dict[str, Any] = {
        "last4": secret.last4,
        "fingerprint": mark.digest,
        "fingerprint_key_id": mark.key_id,
    }
    with transaction.atomic():
        key = a_key(user, status, **of_secret, **fields)
        vault.encrypt(key, secret).save()
    return key


def remove(key: RestrictedKey, user: User) -> None:
    """Let the merchant remove a key."""
    services.remove(key=key, user=user, now=key.created_at)


def written(path: Path) -> list[dict[str, Any]]:
    """Every line of the ledger's file; fails on one that is torn."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def a_settled_entry(**fields: Any) -> LedgerEntry:
    """A mark that a worker has written into the ledger."""
    entry = an_entry(**fields)
    engine.drain("ledger")
    entry.refresh_from_db()
    return entry


def an_entry(**fields: Any) -> LedgerEntry:
    """A mark that waits to be written."""
    return LedgerEntry.objects.create(lane=LedgerEntry.LANE, kind=LedgerEntry.Kind.MARK, **fields)


def forget(*entries: LedgerEntry) -> None:
    """What a restore of the database does to entries that are younger than the dump."""
    LedgerEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()


def refusal() -> str:
    """Why the site would not start, or nothing."""
    return ledger.refusal() or ""
