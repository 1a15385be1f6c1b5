"""Folders for servers that run as somebody else."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.folders import LOCAL


def _ground() -> Iterator[Path]:
    """A folder in which PostgreSQL may have its files.

    Not pytest's temporary one: whenever another pytest starts, that is closed to all but its owner again, and where we
    are root PostgreSQL runs as somebody else.
    """
    folder = LOCAL / "test" / f"ground-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


ground = pytest.fixture(_ground, name="ground")
ground_of_the_file = pytest.fixture(_ground, scope="module", name="ground_of_the_file")
