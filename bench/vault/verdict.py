"""After the rotation, with the new key-encryption key alone: is everything there, and does it open?"""

from dataclasses import dataclass

from bench.vault.seeding import DataKeys, opens_as_stored
from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, MerchantDataKey
from stripe_keys.vault import data_keys


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rows that are missing, or that do not open as what they were; and data keys still on another key."""

    lost_data_keys: int
    lost_keys: int
    left_on_old: int

    @property
    def lost(self) -> int:
        """All that is missing or does not open."""
        return self.lost_data_keys + self.lost_keys


def verdict(made: DataKeys, *, stored: int) -> Verdict:
    """Open every data key of `made` and each of the `stored` keys, one by one."""
    data_keys.forget()
    return Verdict(
        lost_data_keys=_lost_data_keys(made),
        lost_keys=_lost_keys(stored),
        left_on_old=MerchantDataKey.objects.not_on(vault.primary_kek_id()).count(),
    )


def _lost_data_keys(made: DataKeys) -> int:
    """A data key that was made during the rotation is proven by the keys under it."""
    same = 0
    for row in MerchantDataKey.objects.filter(version=1).iterator(chunk_size=2000):
        try:
            same += made.get(row.merchant_id) == data_keys.unwrapped(row)
        except vault.VaultError:
            continue
    return len(made) - same


def _lost_keys(stored: int) -> int:
    same = 0
    for envelope in KeyEnvelope.objects.select_related("key", "data_key").iterator(chunk_size=2000):
        try:
            same += opens_as_stored(envelope.key, vault.open_envelope(envelope))
        except vault.VaultError:
            continue
    return stored - same
