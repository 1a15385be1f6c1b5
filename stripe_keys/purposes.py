"""What the partner uses keys for: one key per purpose, each with a list of permissions of its own.

`default` is there always, and is what the app's manifest asks for. Any other is a name in KEY_PURPOSES and a file
`purposes/<name>.json` beside the manifest: a JSON list of permissions with their purposes, as in the manifest, or an
object with that list as `permissions` and what people read as `label`.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from stripe_keys.catalogue import implied_permissions
from stripe_keys.manifest import ManifestError, RequiredPermission, read, required_in

DEFAULT_PURPOSE = "default"
_LABEL_OF_DEFAULT = "General"
# They would hide pages: see the addresses below `managed/`.
_RESERVED = frozenset({"status", "on", "off", "renew"})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)


class UnknownPurpose(Exception):
    """No such purpose is defined; the message names it."""


class ServesAnother(Exception):
    """The merchant has brought this very key for another purpose, `purpose`: one key does not serve two."""

    def __init__(self, purpose: str) -> None:
        super().__init__(f"The key is kept for {purpose!r}.")
        self.purpose = purpose


@dataclass(frozen=True)
class Purpose:
    """One thing that keys are for; `label` is what people read."""

    name: str
    label: str
    required: tuple[RequiredPermission, ...]

    @property
    def is_default(self) -> bool:
        """Whether it is the app's manifest itself."""
        return self.name == DEFAULT_PURPOSE


def names() -> list[str]:
    """Every purpose, the default first, then in the order of KEY_PURPOSES."""
    return [DEFAULT_PURPOSE, *settings.KEY_PURPOSES]


def are_several() -> bool:
    """Whether the partner asks for more than one key; where not, no page speaks of purposes."""
    return bool(settings.KEY_PURPOSES)


def is_defined(name: str) -> bool:
    """Whether keys are asked for under that name."""
    return name in names()


def defined() -> list[Purpose]:
    """All of them, in the order of `names`.

    Raises:
        ManifestError: as `get`.
    """
    return [get(name) for name in names()]


def get(name: str) -> Purpose:
    """The purpose of that name.

    Raises:
        UnknownPurpose: there is none.
        ManifestError: its file cannot be read, asks for nothing, or for what the catalogue has no probe for.
    """
    if name == DEFAULT_PURPOSE:
        return Purpose(name, _LABEL_OF_DEFAULT, required_in(Path(settings.STRIPE_APP_MANIFEST)))
    if not is_defined(name):
        raise UnknownPurpose(f"{name!r} is not one of KEY_PURPOSES.")
    try:
        listed = read(file_of(name))
    except ManifestError as problem:
        raise ManifestError(f"Of the purpose {name!r}: {problem}") from None
    if not listed.required:
        raise ManifestError(f"The purpose {name!r} asks for no permission.")
    return Purpose(name, listed.label or _in_words(name), listed.required)


def file_of(name: str) -> Path:
    """Where the purpose of that name is written down.

    Raises:
        ManifestError: it is no name for a purpose, and must not get into a path.
    """
    if not _NAME.fullmatch(name):
        raise ManifestError(f"{name!r} is no name for a purpose.")
    return Path(settings.STRIPE_APP_MANIFEST).parent / "purposes" / f"{name}.json"


def label_of(name: str) -> str:
    """What people read; of a purpose that was given up, its name as words."""
    return get(name).label if is_defined(name) else _in_words(name)


def told(name: str) -> str:
    """What people read where there is something to tell apart; empty where the partner asks for one key only."""
    return label_of(name) if are_several() or name != DEFAULT_PURPOSE else ""


def _in_words(name: str) -> str:
    return re.sub(r"[_-]+", " ", name).strip().capitalize()


def refusals() -> list[str]:
    """Why KEY_PURPOSES cannot be used, a sentence each; empty if all is well."""
    found, labels = [], Counter[str]()
    for name, times in Counter(settings.KEY_PURPOSES).items():
        if name == DEFAULT_PURPOSE:
            found.append("KEY_PURPOSES names 'default', which is the app's manifest and is there always.")
        elif name in _RESERVED:
            found.append(f"KEY_PURPOSES names {name!r}, which is the name of a page: choose another one.")
        elif not _NAME.fullmatch(name):
            found.append(
                f"KEY_PURPOSES names {name!r}, which is no name: a small letter, then a-z, 0-9, _ and -."
            )
        else:
            found += [f"KEY_PURPOSES names {name!r} twice."] if times > 1 else []
            try:
                labels[get(name).label] += 1
            except ManifestError as problem:
                found.append(str(problem))
    labels[_LABEL_OF_DEFAULT] += 1
    found += [f"Two purposes of keys are called {label!r}." for label, times in labels.items() if times > 1]
    return found


def beyond_the_app() -> dict[str, list[str]]:
    """By purpose, the permissions that merchants do not see when they install the app."""
    shown = implied_permissions.included_in(one.permission for one in get(DEFAULT_PURPOSE).required)
    asked = {one.name: [each.permission for each in one.required] for one in defined()}
    beyond = {name: [one for one in wanted if one not in shown] for name, wanted in asked.items()}
    return {name: permissions for name, permissions in beyond.items() if permissions}
