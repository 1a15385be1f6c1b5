"""What has just failed is tried by one at a time, so that not everybody waits for the same thing in vain."""

import time
from threading import Lock

# So long nobody tries: whoever has waited for a thread meanwhile is not the one to wait once more.
QUIET_SECONDS = 0.25


class Doubt:
    """Whether something failed the last time it was tried; until it works again, one caller at a time may try it."""

    def __init__(self, *, one_each: float, quiet: float = QUIET_SECONDS) -> None:
        self._one_each = one_each
        self._quiet = quiet
        self._next_try: float | None = None
        self._lock = Lock()

    def arise(self) -> None:
        """It has failed. Somebody tries again soon: mostly one thing was slow, and all is well."""
        with self._lock:
            if self._next_try is None:
                self._next_try = time.monotonic() + self._quiet

    def end(self) -> None:
        """It works."""
        if self._next_try is not None:
            with self._lock:
                self._next_try = None

    def may_try(self) -> bool:
        """Whether the caller is to try, be it because nothing is wrong or because it is their turn to find out."""
        if self._next_try is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._next_try is None:
                return True
            if now < self._next_try:
                return False
            self._next_try = now + self._one_each
            return True
