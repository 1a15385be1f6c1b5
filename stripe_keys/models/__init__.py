"""A merchant's installs and keys, the envelopes that hold the keys, their checks and their history.

The database keeps the promises: one usable key per merchant, mode and purpose; one merchant per Stripe account and
mode; a usable key always names its account. The commands in `stripe_keys.services` are the only writers.
"""

from stripe_keys.models.data_keys import (
    DataKey,
    FingerprintCanary,
    KekCanary,
    MerchantDataKey,
    SiteDataKey,
)
from stripe_keys.models.installs import AppOnAccount, InstallState, StripeInstall
from stripe_keys.models.keys import KeyEnvelope, RestrictedKey, RestrictedKeyQuerySet
from stripe_keys.models.ledger import DatabaseRestore, LedgerEntry, VaultAudit
from stripe_keys.models.managed import KeyManagement, Minting, PublishableKey, Retirement
from stripe_keys.models.outgoing import OutgoingMessage, PartnerEndpoint
from stripe_keys.models.records import KeySubmission, KeyUse, PermissionCheck, StatusChange, Validation
from stripe_keys.models.secret_keys import SecretKeyMigration
from stripe_keys.models.traffic import AccountPace, KeyUsage, StripeIncident
from stripe_keys.purposes import DEFAULT_PURPOSE

__all__ = [
    "DEFAULT_PURPOSE",
    "AccountPace",
    "AppOnAccount",
    "DataKey",
    "DatabaseRestore",
    "FingerprintCanary",
    "InstallState",
    "KekCanary",
    "KeyEnvelope",
    "KeyManagement",
    "KeySubmission",
    "KeyUsage",
    "KeyUse",
    "LedgerEntry",
    "MerchantDataKey",
    "Minting",
    "OutgoingMessage",
    "PartnerEndpoint",
    "PermissionCheck",
    "PublishableKey",
    "RestrictedKey",
    "RestrictedKeyQuerySet",
    "Retirement",
    "SecretKeyMigration",
    "SiteDataKey",
    "StatusChange",
    "StripeIncident",
    "StripeInstall",
    "Validation",
    "VaultAudit",
]
