"""Rows of the vault, and what may happen to them."""

from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from django.db.models import Model

from accounts.models import Merchant, Notice, User
from stripe_keys import audit
from stripe_keys.models import KeyEnvelope, RestrictedKey, VaultAudit
from stripe_keys.secret import Secret
from tests.people import merchant_of
from tests.stripe_keys.rotation.stored import a_stored_key


def a_kept_key(owner: User | Merchant, purpose: str = "default", text: str = "") -> RestrictedKey:
    """A pending key with its envelope."""
    merchant = owner if isinstance(owner, Merchant) else merchant_of(owner)
    return a_stored_key(merchant, Secret(text) if text else None, purpose)


def many_kept_keys(owner: User, count: int) -> list[RestrictedKey]:
    """So many keys, each for another purpose."""
    return [a_kept_key(owner, purpose=f"purpose {number}") for number in range(count)]


def flip_a_bit(row: Model, column: str) -> None:
    """Damage one bit in the middle of a column of bytes, as a disk would."""
    whole = bytes(type(row)._base_manager.values_list(column, flat=True).get(pk=row.pk))
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    type(row)._base_manager.filter(pk=row.pk).update(**{column: damaged})


def damage(key: RestrictedKey) -> None:
    """Flip a bit in the envelope of `key`."""
    flip_a_bit(KeyEnvelope.objects.get(key=key), "envelope")


def audited() -> tuple[int, str]:
    """Run the command; its exit status and all that it printed."""
    out, err = StringIO(), StringIO()
    try:
        call_command("audit_vault", stdout=out, stderr=err)
    except CommandError as refusal:
        return refusal.returncode, f"{out.getvalue()}{err.getvalue()}{refusal}"
    return 0, out.getvalue() + err.getvalue()


def newest() -> VaultAudit:
    """The audit that began last."""
    return VaultAudit.objects.order_by("-pk")[0]


def found(kind: str) -> dict[str, int]:
    """What the newest audit counted of a kind."""
    counted: dict[str, Any] = newest().counts
    return dict(counted[kind])


def alarms() -> list[str]:
    """The bodies of the audits' mails to ops."""
    return list(
        Notice.objects.filter(subject="The vault audit found something", merchant=None).values_list(
            "body", flat=True
        )
    )


def a_step(walking: audit.Walk) -> bool:
    """As little as a walk can do: a row, or the end of a kind."""
    return walking.advance(0)


def finish(walking: audit.Walk) -> None:
    while not a_step(walking):
        pass
