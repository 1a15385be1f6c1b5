"""Imports keep the contracts of pyproject.toml, and migrations depend on nothing that will change."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.house import ground


def test_the_import_contracts_hold() -> None:
    linted = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
        cwd=ground.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout + linted.stderr


def imported_by(path: Path) -> set[str]:
    """The modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ground.tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or ".")
    return names


def test_migrations_import_no_code_of_ours_but_models() -> None:
    migrations = [path for path in ground.files() if "migrations" in path.parts and path.suffix == ".py"]
    allowed = {f"{app}.models" for app in ground.APPS}

    wrong = {
        str(path): sorted(ours)
        for path in migrations
        if (ours := {name for name in imported_by(path) if name.split(".")[0] in ground.APPS} - allowed)
    }

    assert len(migrations) > 3
    assert wrong == {}


def test_migrations_are_named_by_hand() -> None:
    names = [path.stem for path in ground.files() if "migrations" in path.parts]

    assert [name for name in names if "auto" in name.split("_")] == []
