"""Who works beside whom in this process: a row that may have killed its worker is worked on while nobody else is.

A process that dies takes every row in its hands along, and which one killed it cannot be seen. So a row that was lost
twice is tried alone: if the process dies then, it was that row.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

LONGEST_ALONE = 5.0
_FIRST_PATIENCE, _LONGEST_PATIENCE = 1.0, 32.0
_REST = 10.0


class Company:
    """The threads of this process that have rows in their hands; in memory only, by the monotonic clock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work: dict[object, float] = {}
        self._loner: object = None
        self._closed_until = self._rest_until = float("-inf")
        self._patience = _FIRST_PATIENCE

    @contextmanager
    def beside_others(self, lease: timedelta) -> Iterator[None]:
        """Claim and work on a row in this block; waits for whoever is alone, but some seconds at most."""
        token = object()
        with self._changed:
            while (left := self._closed_until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._at_work[token] = time.monotonic() + lease.total_seconds()
        try:
            yield
        finally:
            self._leave(token)

    @contextmanager
    def alone(self, lease: timedelta) -> Iterator[bool]:
        """A block with this process to itself for LONGEST_ALONE seconds; False if the others did not end in time.

        While they are waited for, nobody else begins. Whoever waited in vain lets the process rest, and then has more
        patience. A row that has outlived its lease is lost anyway, so nobody waits for it.
        """
        token = object()
        quiet = self._wait_for_quiet(token, lease)
        try:
            yield quiet
        finally:
            if quiet:
                self._leave(token)

    def _wait_for_quiet(self, token: object, lease: timedelta) -> bool:
        with self._changed:
            now = time.monotonic()
            if now < max(self._closed_until, self._rest_until):
                return False
            self._loner, self._closed_until = token, now + self._patience
            quiet = self._changed.wait_for(self._is_quiet, self._patience)
            now = time.monotonic()
            if quiet:
                self._patience = _FIRST_PATIENCE
                self._closed_until = now + LONGEST_ALONE
                self._at_work[token] = now + lease.total_seconds()
            else:
                self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
                self._rest_until = now + _REST
                self._open()
            return quiet

    def _is_quiet(self) -> bool:
        now = time.monotonic()
        return all(deadline <= now for deadline in self._at_work.values())

    def _leave(self, token: object) -> None:
        with self._changed:
            del self._at_work[token]
            if self._loner is token:
                self._open()
            self._changed.notify_all()

    def _open(self) -> None:
        self._loner, self._closed_until = None, float("-inf")
        self._changed.notify_all()


company = Company()
