"""The list of keys by what they are for: one group for each purpose, with what its key needs and lacks."""

from collections.abc import Sequence
from typing import Any

from stripe_keys import needs, permissions, purpose_addresses, purposes
from stripe_keys.models import PermissionCheck, RestrictedKey
from stripe_keys.purposes import DEFAULT_PURPOSE


def names(keys: Sequence[RestrictedKey]) -> list[str]:
    """The purposes to show: those asked for, and those given up of which a key is kept; none if there is one only."""
    asked_for = purposes.names()
    given_up = {key.purpose for key in keys if key.is_kept} - set(asked_for)
    return [*asked_for, *sorted(given_up)] if purposes.are_several() or given_up else []


def keys_of(name: str, keys: Sequence[RestrictedKey]) -> list[RestrictedKey]:
    """Those of one group; ended keys of a purpose without a group are told among the default's."""
    shown = set(names(keys))
    return [
        key
        for key in keys
        if key.purpose == name or (name == DEFAULT_PURPOSE and key.purpose not in shown and not key.is_kept)
    ]


def facts(name: str, mode: str, keys: Sequence[RestrictedKey]) -> dict[str, Any]:
    """What a group says of its purpose: what its key needs, what the one in use lacks, and where one is brought."""
    is_asked_for = purposes.is_defined(name)
    serving = next((key for key in keys if key.purpose == name and key.status in key.USABLE), None)
    kept = serving or next((key for key in keys if key.purpose == name and key.is_kept), None)
    wanted = permissions.required(name) if is_asked_for else needs.of(kept) if kept else ()
    return {
        "purpose": name,
        "label": purposes.label_of(name),
        "is_default": name == DEFAULT_PURPOSE,
        "is_asked_for": is_asked_for,
        "needs": [permissions.words_for(one.permission) for one in wanted],
        "missing": _missing(serving, {one.permission for one in wanted}) if serving else [],
        "connecting": purpose_addresses.of_connecting(mode, name),
        "pasting": purpose_addresses.of_pasting(mode, name),
    }


def _missing(key: RestrictedKey, wanted: set[str]) -> list[str]:
    missing = PermissionCheck.objects.filter(key=key, outcome=PermissionCheck.Outcome.MISSING)
    found = missing.filter(permission__in=wanted).order_by("permission").values_list("permission", flat=True)
    return [permissions.words_for(name) for name in found]
