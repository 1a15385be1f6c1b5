"""The state file: written whole and atomically, readable by its owner only."""

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from stripe_simulator.config import ConfigError
from stripe_simulator.state import (
    Account,
    ApiKey,
    Attempt,
    Delivery,
    Event,
    Install,
    StoredObject,
    World,
)

FORMAT = 1
KINDS: dict[str, type] = {
    "accounts": Account,
    "installs": Install,
    "keys": ApiKey,
    "events": Event,
    "deliveries": Delivery,
    "objects": StoredObject,
}


def load(path: Path) -> World:
    """Return the world kept in this file, an empty one if there is no file yet."""
    if not path.exists():
        return World()
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ConfigError(f"{path} was written by another version of the simulator; delete it.")
        world = World(sessions=data["sessions"])
        for name, kind in KINDS.items():
            setattr(world, name, {key: _built(kind, value) for key, value in data[name].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not a state file of the simulator; delete it.") from error
    return world


def save(world: World, path: Path) -> None:
    """Replace the file by this world; a crash leaves the old file or the new one, never half of one."""
    data = {"format": FORMAT, "sessions": world.sessions}
    for name in KINDS:
        data[name] = {key: asdict(value) for key, value in getattr(world, name).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file 0600, so the keys are never readable by others, not even for a moment.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, separators=(",", ":"))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def _built(kind: type, value: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    built = kind(**{name: entry for name, entry in value.items() if name in known})
    if isinstance(built, Delivery):
        built.attempts = [Attempt(**attempt) for attempt in value["attempts"]]
    return built
