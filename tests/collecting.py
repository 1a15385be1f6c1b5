"""Collects the tests of a run quickly: every worker collects all of them, before any of them can begin."""

import gc
import os
import sys
from collections.abc import Generator

import pytest

# Some machines ask every Python not to keep what it has compiled. A run starts hundreds of processes of ours, and each
# would compile all of our modules anew; every worker, besides, all tests. `python -B` still asks for it.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage meanwhile, nor ever again among what has been collected: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
