"""Start-up checks of what keys depend on: the manifest, and key material that opens what it locks."""

import os
import re
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.checks import Warning as Caution
from django.db import Error as DatabaseTrouble

from stripe_keys import app_checks, gateway, ledger, pace, permissions, purposes, uninstalls, vault
from stripe_keys.models import Minting
from stripe_keys.outgoing import endpoints

_NAME = re.compile(r"[A-Za-z0-9-]{1,30}", re.ASCII)
_LONGEST_WAIT_SECONDS = 20  # of a check's lease the rest is for Stripe's answers


def register_checks() -> None:
    """Add this app's checks to Django's."""
    register(check_manifest)
    register(check_purposes)
    register(check_pace)
    register(check_uninstall_policy)
    register(check_managed_keys)
    register(app_checks.check_apps)
    register(check_partner_endpoints, Tags.security)
    register(check_key_material, Tags.security)
    register(check_ledger_is_named)
    register(check_ledger_agrees, Tags.security, deploy=True)
    register(check_key_encryption_keys, Tags.security, deploy=True)


def check_manifest(**_: Any) -> list[CheckMessage]:
    """The app manifest is readable and every permission in it has a probe."""
    try:
        permissions.required()
    except permissions.ManifestError as problem:
        return [Error(str(problem), id="stripe_keys.E001")]
    return []


def check_purposes(**_: Any) -> list[CheckMessage]:
    """Each purpose in KEY_PURPOSES has a name, a file and permissions that can be used."""
    hint = "See docs/one-key-per-purpose.md."
    if refusals := purposes.refusals():
        return [Error(refusal, hint=hint, id="stripe_keys.E020") for refusal in refusals]
    try:
        beyond = purposes.beyond_the_app()
    except permissions.ManifestError:
        return []  # has been said of the manifest
    return [
        Info(
            f"Keys for {name!r} are asked for what the app's manifest does not name: {', '.join(names)}.",
            hint="Merchants do not see it when they install the app, and Stripe may not let the app make such keys.",
            id="stripe_keys.I020",
        )
        for name, names in beyond.items()
    ]


def check_pace(**_: Any) -> list[CheckMessage]:
    """A check of a key can ask for every permission before its lease ends, at the pace that the settings allow."""
    try:
        requests = permissions.most_required()
    except permissions.ManifestError:
        return []  # has been said
    return [
        Error(
            f"The budget for an account in {name} mode is too small: a check would wait {seconds:.0f} seconds for it.",
            hint=f"Raise STRIPE_RATE_{name.upper()} or STRIPE_RATE_SHARE, or ask for fewer permissions.",
            id="stripe_keys.E008",
        )
        for name in ("live", "test")
        if (seconds := pace.seconds_for(requests, livemode=name == "live")) > _LONGEST_WAIT_SECONDS
    ]


def check_partner_endpoints(**_: Any) -> list[CheckMessage]:
    """Each endpoint of the partner's own systems has an address that may be sent to, and a secret to sign with."""
    hint = "Write PARTNER_WEBHOOKS=name=https://… and PARTNER_WEBHOOK_SECRETS=name:whsec_…."
    return [Error(refusal, hint=hint, id="stripe_keys.E009") for refusal in endpoints.refusals()]


def check_uninstall_policy(**_: Any) -> list[CheckMessage]:
    """KEY_ON_UNINSTALL is one of the policies that there are."""
    asks_stripe = settings.STRIPE_APP_OBJECT_ID and settings.STRIPE_PLATFORM_KEY_LIVE
    if settings.KEY_ON_UNINSTALL == uninstalls.REMOVE and not asks_stripe:
        problem = "KEY_ON_UNINSTALL=remove, but Stripe cannot be asked whether the app is still installed."
        hint = "Set STRIPE_APP_OBJECT_ID and STRIPE_PLATFORM_KEY_LIVE; until then only keys that Stripe refuses go."
        return [Info(problem, hint=hint, id="stripe_keys.I002")]
    if settings.KEY_ON_UNINSTALL in uninstalls.POLICIES:
        return []
    return [
        Error(
            "KEY_ON_UNINSTALL is neither remove nor keep.",
            hint="remove erases the keys of a merchant who uninstalls the app; keep goes on with them.",
            id="stripe_keys.E010",
        )
    ]


def check_managed_keys(**_: Any) -> list[CheckMessage]:
    """What is said of keys that the app makes can be done: modes, way, name, and a key of the app for each mode."""
    problems = [
        f"MANAGED_KEYS names {mode!r}, which is neither live nor test."
        for mode in settings.MANAGED_KEYS
        if mode not in ("live", "test")
    ]
    if settings.MANAGED_KEY_ROTATION not in Minting.How.values:
        problems.append("MANAGED_KEY_ROTATION is neither create nor rotate.")
    if not _NAME.fullmatch(settings.MANAGED_KEY_NAME):
        problems.append("MANAGED_KEY_NAME is not of 1 to 30 letters, digits and hyphens.")
    problems += [
        f"MANAGED_KEYS has {mode}, but the app's own key of that mode is not set."
        for mode in settings.MANAGED_KEYS
        if mode in ("live", "test") and not gateway.can_manage_keys(livemode=mode == "live")
    ]
    hint = "See .env.example, and docs/going-live.md for what Stripe has to have approved."
    return [Error(problem, hint=hint, id="stripe_keys.E011") for problem in problems]


def check_key_material(**_: Any) -> list[CheckMessage]:
    """The configured key-encryption and fingerprint keys are well-formed."""
    try:
        vault.check_key_material()
    except vault.VaultError as problem:
        return [Error(str(problem), id="stripe_keys.E002")]
    return []


def check_key_encryption_keys(**_: Any) -> list[CheckMessage]:
    """Every key of the vault that the database needs is configured, and the right one: its canary sings."""
    try:
        refused = [*vault.reasons_not_to_start(), *vault.wrong_fingerprint_keys()]
        missing = vault.missing_fingerprint_keys()
        troubles = vault.canary_troubles().values()
    except (DatabaseTrouble, psycopg.Error):
        hint = "Run the check again where the database can be reached and is migrated."
        message = "The database could not be asked: the key-encryption keys were not held against it."
        return [Info(message, hint=hint, id="stripe_keys.I001")]
    known = {str(reason) for reason in refused}
    hint = "Put it into KEY_ENCRYPTION_KEYS or give the site its key service; see docs/operations.md."
    return [
        *(Error(str(reason), hint=hint, id="stripe_keys.E007") for reason in refused),
        *(
            Caution(str(each), hint=hint, id="stripe_keys.W001")
            for each in troubles
            if str(each) not in known
        ),
        *(_recognised_no_more(key_id) for key_id in missing),
    ]


def _recognised_no_more(key_id: str) -> CheckMessage:
    return Caution(
        f"Keys here are marked by the fingerprint key {key_id!r}, which is not configured: they are not recognised.",
        hint="Put it behind the others in FINGERPRINT_KEYS; run rotate_fingerprints for the keys that are kept.",
        id="stripe_keys.W002",
    )


def check_ledger_is_named(**_: Any) -> list[CheckMessage]:
    """Production keeps a deletion ledger, in the same place wherever a process is started."""
    path = settings.DELETION_LEDGER
    if not path and settings.SITE_ENVIRONMENT == "production":
        return [
            Error(
                "DELETION_LEDGER is empty: a restore of the database would bring erased keys back.",
                hint="Name a file that web and workers share, outside the database and its backups.",
                id="stripe_keys.E003",
            )
        ]
    if path and not Path(path).is_absolute():
        hint = "Give the whole path: each process would look into its own folder."
        return [Error("DELETION_LEDGER is not an absolute path.", hint=hint, id="stripe_keys.E004")]
    return []


def check_ledger_agrees(**_: Any) -> list[CheckMessage]:
    """The deletion ledger can be written, and the database is not older than it."""
    if not settings.DELETION_LEDGER:
        return []
    path = Path(settings.DELETION_LEDGER)
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK if place == path else os.W_OK | os.X_OK):
        hint = "Workers append to it; make its folder and give it to the site's user."
        return [Error(f"The deletion ledger cannot be written: {path}", hint=hint, id="stripe_keys.E005")]
    problem = ledger.refusal()
    return [Error(problem, id="stripe_keys.E006")] if problem else []
