"""What must outlive a restore of the database, and what was found when every envelope was opened."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from work.models import DueRow


class LedgerEntry(DueRow):
    """One erasure, suspension, or mark of time: a due row until a worker has written it into the deletion ledger.

    The ledger is a file outside the database and its backups (DELETION_LEDGER). After a restore it is replayed, so that
    what was erased stays erased, and what was suspended suspended. Entries hold ids and moments, no name, address or
    secret; they outlive their merchant.
    """

    class Kind(models.TextChoices):
        KEY_ERASED = "key_erased", "Key erased"
        MERCHANT_CLOSED = "merchant_closed", "Merchant closed"
        KEY_SUSPENDED = "key_suspended", "Key suspended"
        KEY_RESUMED = "key_resumed", "Suspension lifted"
        MARK = "mark", "Mark"

    LANE = "ledger"

    entry_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    merchant_id = models.UUIDField(null=True, blank=True, db_index=True)
    key_id = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=10, blank=True, help_text="What an erased key became.")
    reason = models.CharField(max_length=300, blank=True)
    erased_at = models.DateTimeField(db_default=Now())

    class Meta(DueRow.Meta):
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key_id or self.merchant_id or ''}".strip()


class DatabaseRestore(models.Model):
    """That the database was restored, and what followed: no key is used before it was checked again since then."""

    restored_at = models.DateTimeField(db_default=Now())
    entries_replayed = models.PositiveIntegerField(default=0)
    keys_erased = models.PositiveIntegerField(default=0)
    merchants_closed = models.PositiveIntegerField(default=0)
    keys_to_check = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["-restored_at"]

    def __str__(self) -> str:
        return f"restore of {self.restored_at:%Y-%m-%d %H:%M}"


class VaultAudit(models.Model):
    """One walk through everything encrypted: each row opened and classed. `counts` maps kind and class to numbers.

    `findings` names the first rows that are not in order, by kind and id. `cursor` is where the walk goes on after a
    worker died.
    """

    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    cursor = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    findings = models.JSONField(default=list, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-started_at"]

    def __str__(self) -> str:
        return f"audit of {self.started_at:%Y-%m-%d %H:%M}"
