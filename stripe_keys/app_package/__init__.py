"""The Stripe App's package in `stripe_app/`, taken by itself: what Stripe would refuse or show broken, in sentences."""

import json
import re
import struct
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

SCHEMA = "stripe-app.schema.json"
ICON_SIDE = 300
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_NUMBER = r"(?:0|[1-9]\d*)"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


class UnreadablePackage(Exception):
    """A file of the package is missing, or holds no JSON object; the message names it."""


def read(file: Path) -> dict[str, Any]:
    """The JSON object in `file`.

    Raises:
        UnreadablePackage: there is none.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UnreadablePackage(f"{file.name} cannot be read: {problem.strerror}.") from None
    except ValueError:
        raise UnreadablePackage(f"{file.name} is not JSON.") from None
    if not isinstance(content, dict):
        raise UnreadablePackage(f"{file.name} holds no JSON object.")
    return content


def against_schema(manifest: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Where the manifest breaks the schema, each with the place in the manifest."""
    found = sorted(Draft202012Validator(schema).iter_errors(manifest), key=lambda error: error.json_path)
    return [_in_words(error) for error in found]


def _in_words(error: ValidationError) -> str:
    place = error.json_path.removeprefix("$.").removeprefix("$")
    return f"The manifest's {place}: {error.message}." if place else f"The manifest: {error.message}."


def faults(manifest: dict[str, Any], package: Path) -> list[str]:
    """What is wrong with the files that the manifest names, its version and its way of access."""
    return [
        *_of_choices(manifest),
        *_of_version(manifest["version"]),
        *_of_icon(package / manifest["icon"]),
        *_of_views(manifest["ui_extension"]["views"], package),
    ]


def _of_choices(manifest: dict[str, Any]) -> list[str]:
    """What this site depends on, though Stripe leaves the choice."""
    found = []
    if manifest.get("stripe_api_access_type") != "restricted_api_key":
        found.append("stripe_api_access_type is not restricted_api_key: Stripe would make no key to paste.")
    if manifest.get("post_install_action") != {"type": "settings"}:
        found.append(
            "post_install_action does not lead to the settings view, where the merchant learns what to do."
        )
    if manifest.get("sandbox_install_compatible") is not True:
        found.append("sandbox_install_compatible is not true: merchants could not try the app in a sandbox.")
    if "settings" not in {view["viewport"] for view in manifest["ui_extension"]["views"]}:
        found.append("No view has the viewport settings: there is no settings view.")
    names = [entry["permission"] for entry in manifest["permissions"]]
    found += [f"{name} is asked for twice." for name in sorted(set(names)) if names.count(name) > 1]
    return found


def _of_version(version: str) -> list[str]:
    if _SEMVER.fullmatch(version):
        return []
    return [f"The version {version!r} is not of the form 1.2.3, by which releases are told apart."]


def _of_icon(icon: Path) -> list[str]:
    try:
        with icon.open("rb") as file:
            head = file.read(len(_PNG_BEGINS) + 8)
    except OSError as problem:
        return [f"The icon {icon.name} cannot be read: {problem.strerror}."]
    if not head.startswith(_PNG_BEGINS) or len(head) < len(_PNG_BEGINS) + 8:
        return [f"The icon {icon.name} is not a PNG."]
    width, height = struct.unpack(">II", head[-8:])
    if (width, height) != (ICON_SIDE, ICON_SIDE):
        return [
            f"The icon {icon.name} is {width} by {height} pixels; Stripe wants {ICON_SIDE} by {ICON_SIDE}."
        ]
    return []


def _of_views(views: list[dict[str, str]], package: Path) -> list[str]:
    return [
        f"The view {view['component']} is not there: src/views/{view['component']}.tsx is missing."
        for view in views
        if not (package / "src" / "views" / f"{view['component']}.tsx").is_file()
    ]
