"""Data keys and canaries: random keys that encrypt, wrapped by key-encryption keys that are not in the database."""

from typing import Any, Self

from django.db import models
from django.db.models import Count
from django.db.models.functions import Now

from accounts.models import Merchant


class DataKeyQuerySet(models.QuerySet[Any]):
    """Data keys by the key-encryption key that wraps them."""

    def kek_ids(self) -> list[str]:
        """Every `kek_id` in use, sorted."""
        return sorted(self.order_by().values_list("kek_id", flat=True).distinct())

    def counts_by_kek_id(self) -> dict[str, int]:
        """How many rows each `kek_id` wraps."""
        rows = self.order_by("kek_id").values_list("kek_id").annotate(count=Count("pk"))
        return dict(rows.values_list("kek_id", "count"))

    def not_on(self, kek_id: str) -> Self:
        """Those that another key-encryption key than `kek_id` wraps."""
        return self.exclude(kek_id=kek_id)


class DataKey(models.Model):
    """A random 32-byte key, wrapped by the key-encryption key `kek_id`; without that, what it encrypted is noise."""

    version = models.PositiveIntegerField(default=1)
    kek_id = models.CharField(max_length=120, db_index=True)
    wrapped = models.BinaryField(max_length=1024)
    created_at = models.DateTimeField(db_default=Now())

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        abstract = True


class MerchantDataKey(DataKey):
    """A merchant's data key. The newest version encrypts; older ones stay while an envelope needs them."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="data_keys")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "version"], name="one_data_key_per_merchant_and_version"
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.version} of {self.merchant}"


class SiteDataKey(DataKey):
    """The data key of secrets that belong to the site itself, such as second factors of staff."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version"], name="one_site_data_key_per_version")]

    def __str__(self) -> str:
        return f"data key {self.version} of the site"


class KekCanary(models.Model):
    """A known content under the key-encryption key `kek_id`: if it does not open, that key is not the right one."""

    kek_id = models.CharField(max_length=120, unique=True)
    wrapped = models.BinaryField(max_length=1024)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"canary of {self.kek_id}"


class FingerprintCanary(models.Model):
    """The fingerprint of nothing under one fingerprint key: if it differs, that key is not the right one."""

    key_id = models.CharField(max_length=40, unique=True)
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"canary of the fingerprint key {self.key_id}"
