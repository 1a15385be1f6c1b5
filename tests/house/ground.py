"""What the house rules are held against: the files of this project."""

import ast
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
APPS = ("accounts", "partner_site", "stripe_keys", "webhooks", "work")
PACKAGES = (*APPS, "bench", "local_stack", "stripe_simulator", "tests")


@lru_cache(maxsize=1)
def files() -> tuple[Path, ...]:
    """Every file of the project that is in the repository or about to be, relative to the project's folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {Path(name) for name in listed.stdout.split("\0") if name}
    return tuple(sorted(path for path in found if (PROJECT / path).is_file()))


def modules() -> tuple[Path, ...]:
    """Our Python modules, without migrations (which Django writes)."""
    return tuple(
        path
        for path in files()
        if path.suffix == ".py" and path.parts[0] in PACKAGES and "migrations" not in path.parts
    )


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((PROJECT / path).read_text(), filename=str(path))


@lru_cache(maxsize=1)
def outlines() -> dict[Path, tuple[bool, dict[str, int]]]:
    """Of each of our modules: whether it begins with a docstring (or is empty), and its functions' lengths in lines."""
    return {path: _outline(tree_of(path)) for path in modules()}


def _outline(tree: ast.Module) -> tuple[bool, dict[str, int]]:
    lengths: dict[str, int] = {}
    for each in _statements(tree):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (each.end_lineno or 0) - each.lineno + 1
            lengths[each.name] = max(length, lengths.get(each.name, 0))
    return not tree.body or ast.get_docstring(tree) is not None, lengths


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below, with what holds some, such as `except`; expressions, which are most nodes, hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for each in getattr(node, field, ()):
            yield each
            yield from _statements(each)
