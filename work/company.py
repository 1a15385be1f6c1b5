"""Who works beside whom in this process: a row that may have killed its worker is worked on while nobody else is.

A process that dies takes every row in its hands along, and which one killed it cannot be seen. So a row that was lost
twice is tried alone: if the process dies then, it was that row.
"""

import enum
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from work.activity import activity

logger = logging.getLogger(__name__)
LONGEST_ALONE = 5.0
TRIED_ANYWAY_AFTER = 300.0
_FIRST_PATIENCE, _LONGEST_PATIENCE = 1.0, 8.0
_REST_PER_CLOSED = 4.0  # so others are kept out for a fifth of the time at most
_FORGOTTEN_AFTER = 120.0  # longer than any rest: nobody has wanted to be alone since
_LOOK_SECONDS = 0.2


class Chance(enum.IntEnum):
    """How a suspect may be tried now; whoever dies beside others has proven nothing."""

    NONE = 0
    BESIDE_OTHERS = 1
    ALONE = 2


class Company:
    """The threads of this process that have rows in their hands; in memory only, by the monotonic clock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work: dict[object, float] = {}
        self._may_share: set[object] = set()
        self._loner: object = None
        self._closed_at = self._closed_until = self._rest_until = float("-inf")
        self._keeps_out = False
        self._patience = _FIRST_PATIENCE
        self._vain_since = self._vain_at = float("-inf")

    @contextmanager
    def beside_others(self, lease: timedelta, *, may_share_an_end: bool = False) -> Iterator[bool]:
        """Claim and work on a row in this block; waits for whoever is alone, but some seconds at most.

        False if the process closes: then nothing is to be begun. A row that `may_share_an_end` is not waited for by
        those who want to be alone.
        """
        token = object()
        with self._changed:
            while (left := self._closed_until - time.monotonic()) > 0 and not activity.closing.is_set():
                self._keeps_out = True
                self._changed.wait(min(left, _LOOK_SECONDS))
            self._enter(token, lease)
            if may_share_an_end:
                self._may_share.add(token)
        try:
            yield not activity.closing.is_set()
        finally:
            self._leave(token)

    @contextmanager
    def alone(self, lease: timedelta) -> Iterator[Chance]:
        """A block with this process to itself for LONGEST_ALONE seconds; no chance if the others did not end in time.

        While they are waited for, nobody else begins; then the process rests, four times as long. Whoever waited in
        vain has more patience the next time, and after minutes of it a chance beside others. A row that has outlived
        its lease is lost anyway, so nobody waits for it.
        """
        token = object()
        chance = self._chance(token, lease)
        try:
            yield chance
        finally:
            if chance:
                self._leave(token)

    def _chance(self, token: object, lease: timedelta) -> Chance:
        with self._changed:
            now = time.monotonic()
            if now < max(self._closed_until, self._rest_until) or activity.closing.is_set():
                return Chance.NONE
            self._loner, self._keeps_out = token, False
            self._closed_at, self._closed_until = now, now + self._patience
            chance = self._alone_now() if self._falls_quiet() else self._in_vain()
            if chance:
                self._enter(token, lease)
            return chance

    def _falls_quiet(self) -> bool:
        while not activity.closing.is_set():
            now = time.monotonic()
            if all(
                deadline <= now for token, deadline in self._at_work.items() if token not in self._may_share
            ):
                return True
            if now >= self._closed_until:
                break
            self._changed.wait(min(self._closed_until - now, _LOOK_SECONDS))
        return False

    def _alone_now(self) -> Chance:
        now = time.monotonic()
        self._patience = max(self._patience / 2, _FIRST_PATIENCE)
        self._vain_at = float("-inf")
        self._closed_until = now + LONGEST_ALONE
        shares = any(self._at_work[token] > now for token in self._may_share)
        return Chance.BESIDE_OTHERS if shares else Chance.ALONE

    def _in_vain(self) -> Chance:
        self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
        self._keeps_out = True
        self._open()
        now = time.monotonic()
        if now - self._vain_at > _FORGOTTEN_AFTER:
            self._vain_since = self._closed_at
        self._vain_at = now
        if activity.closing.is_set() or now - self._vain_since < TRIED_ANYWAY_AFTER:
            return Chance.NONE
        self._vain_since = now
        logger.warning("this process was not quiet for minutes; a row that was lost is tried beside others")
        return Chance.BESIDE_OTHERS

    def _enter(self, token: object, lease: timedelta) -> None:
        self._at_work[token] = time.monotonic() + lease.total_seconds()

    def _leave(self, token: object) -> None:
        with self._changed:
            del self._at_work[token]
            self._may_share.discard(token)
            if self._loner is token:
                self._open()
            self._changed.notify_all()

    def _open(self) -> None:
        now = time.monotonic()
        if self._keeps_out:
            closed = min(now, self._closed_until) - self._closed_at
            self._rest_until = now + _REST_PER_CLOSED * max(closed, self._patience)
        self._loner, self._closed_until = None, float("-inf")
        self._changed.notify_all()


company = Company()
