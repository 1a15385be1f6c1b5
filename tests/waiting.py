"""Waiting in tests: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_SECONDS = 0.05


def eventually(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Return what `condition` returns as soon as that is true; fail if it is not within `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"Still {found!r} after {timeout} s: {condition!r}")
        time.sleep(_PAUSE_SECONDS)
