"""Purposes for the tests of this folder: an app that wants a general key, and one for billing."""

import json
from pathlib import Path
from typing import Any

from pytest_django import Settings

GENERAL = ("connected_account_read", "charge_read")
BILLING = ("connected_account_read", "invoice_read")


def listed(*names: str) -> list[dict[str, str]]:
    """A list of permissions as a file has it."""
    return [{"permission": name, "purpose": f"For {name}."} for name in names]


def write_purpose(settings: Settings, name: str, content: Any) -> Path:
    """Write down what keys of that purpose are asked for, without naming it in KEY_PURPOSES."""
    folder = Path(settings.STRIPE_APP_MANIFEST).parent / "purposes"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(content))
    return file


def ask_for_two_keys(settings: Settings, folder: Path) -> None:
    """An app of this test's own, with a key for billing beside the general one."""
    settings.STRIPE_APP_MANIFEST = folder / "stripe-app.json"
    settings.STRIPE_APP_MANIFEST.write_text(json.dumps({"permissions": listed(*GENERAL)}))
    write_purpose(settings, "billing", {"label": "Billing & books", "permissions": listed(*BILLING)})
    settings.KEY_PURPOSES = ["billing"]
