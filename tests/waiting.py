"""Waiting in tests: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Seconds that nobody takes to give something up, however busy the machine is. Who does not give up takes longer yet.
NOT_FOR_EVER = 20.0
# Who has waited for long asks less often: each question takes something away from those who are waited for.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_PART_OF_THE_WAIT = 0.1


def eventually(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Return what `condition` returns as soon as that is true; fail if it is not within `timeout` seconds."""
    began = time.monotonic()
    while True:
        found = condition()
        if found:
            return found
        waited = time.monotonic() - began
        if waited > timeout:
            raise AssertionError(f"Still {found!r} after {timeout} s: {condition!r}")
        time.sleep(min(max(waited * _PART_OF_THE_WAIT, _SHORTEST_PAUSE), _LONGEST_PAUSE))
