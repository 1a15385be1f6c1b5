"""The simulator's time: that of the machine, and ahead of it where somebody has asked for that."""

import asyncio
import contextlib
import time


class Clock:
    """Runs like any other clock, but can be put forward; who waits for a moment is woken when it has come."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """The present moment in seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self._ahead += seconds
        self._wake()

    def set_right(self) -> None:
        """Go back to the machine's time."""
        self._ahead = 0.0
        self._wake()

    async def reached(self, moment: float) -> None:
        """Wait until that moment."""
        while (left := moment - self.now()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
