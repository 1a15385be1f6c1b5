"""A copy of the app's package that a test may spoil, and the guide that speaks of it."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_django import Settings

from stripe_keys.app_package import agreement
from tests.house import ground

PACKAGE = ground.PROJECT / "stripe_app"
Spoil = Callable[[dict[str, Any]], object]


def copied(folder: Path, settings: Settings, spoil: Spoil = lambda manifest: None) -> Path:
    """A copy in `folder` that the site now takes for its own, with a guide that agrees with it once it is spoilt."""
    package = folder / "stripe_app"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("node_modules"))
    rewrite(package / "stripe-app.json", spoil)
    settings.STRIPE_APP_MANIFEST = package / "stripe-app.json"
    settings.BASE_DIR = folder
    (folder / "docs").mkdir()
    manifest = json.loads((package / "stripe-app.json").read_text())
    guide = (ground.PROJECT / agreement.GUIDE).read_text()
    with suppress(KeyError):  # a manifest that is beyond a table
        guide = agreement.with_table(guide, manifest) or guide
    (folder / agreement.GUIDE).write_text(guide)
    return package


def rewrite(file: Path, spoil: Spoil) -> None:
    """Change the JSON object in `file`."""
    content = json.loads(file.read_text())
    spoil(content)
    file.write_text(json.dumps(content))
