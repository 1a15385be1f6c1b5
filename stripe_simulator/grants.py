"""The permissions that a key made by an app may be given: 158 names, in `grants.txt` beside this module."""

from pathlib import Path


def _read() -> frozenset[str]:
    found: set[str] = set()
    suffixes: list[str] = []
    for line in (Path(__file__).parent / "grants.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            suffixes = line.strip("[]").split()
        elif not line.startswith("#"):
            found.update(f"{name}_{suffix}" for name in line.split() for suffix in suffixes)
    return frozenset(found)


NAMES = _read()


def is_known(permission: str) -> bool:
    """Whether the key endpoint takes this name."""
    return permission in NAMES
