"""Notes calls in memory, and lets one thread per process write them down: the caller neither waits nor fails."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery.signals import worker_process_shutdown
from django.conf import settings
from django.db import connection
from django.utils import timezone

from stripe_keys.catalogue import api_paths
from stripe_keys.models import RestrictedKey
from stripe_keys.usage import refusals, rows
from stripe_keys.usage.outcomes import NEEDS_A_LOOK, outcome_of
from stripe_keys.usage.rows import Call, Counts

logger = logging.getLogger(__name__)
WRITE_EVERY_SECONDS = 5.0
WRITE_AT_COUNTS = 500
MOST_COUNTS = 20_000
MOST_REFUSED = 5_000
_LAST_WORDS_SECONDS = 3.0

NotesCalls = Callable[[str, str, int | None, bytes | None], None]
"""Takes method, path (as it was sent, query included), status or None, and the body of a 401 or 403 that was read."""


class Recorder:
    """The counts of this process that are not written yet, and the thread that writes them.

    Every number is added to its row once: what could not be written is kept for the next time, up to MOST_COUNTS
    different ones. A process that is forked off begins with none.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, locks and thread included, as a child that was forked off has to."""
        self._counts: Counts = {}
        self._refused: dict[tuple[UUID, str], None] = {}
        self._quiet_until: dict[tuple[UUID, str], float] = {}
        self._dropped = 0
        self._is_failing = False
        self._lock = threading.RLock()  # a signal's handler may call Stripe too
        self._in_hand = threading.Lock()
        self._something = threading.Event()
        self._at_once = threading.Event()
        self._rounds = threading.Condition()
        self._asked = self._served = 0
        self._thread: threading.Thread | None = None

    # --- Whoever calls Stripe ---

    def note(self, key_id: UUID, method: str, path: str, status: int | None, refusal: bytes | None) -> None:
        """Count one request; never raises."""
        try:
            outcome = outcome_of(status, refusal)
            template = api_paths.template_of(method, path)
            call = Call(key_id, int(time.time() // 86_400), method.upper()[:6], template[:120], outcome)
            self._count(call)
            if refusal is not None and outcome in NEEDS_A_LOOK:
                self._have_looked_into(key_id, outcome)
        except Exception as problem:  # a ledger must not come between the caller and Stripe
            logger.error("usage: a call was not counted (%s)", type(problem).__name__)  # noqa: TRY400 # no outside text

    def _count(self, call: Call) -> None:
        with self._lock:
            if call not in self._counts and len(self._counts) >= MOST_COUNTS:
                self._drop(1)
                return
            self._counts[call] = self._counts.get(call, 0) + 1
            waiting = len(self._counts)
            self._see_to_the_thread()
        if not self._something.is_set():
            self._something.set()
        if waiting == WRITE_AT_COUNTS:
            self._at_once.set()

    def _have_looked_into(self, key_id: UUID, outcome: str) -> None:
        """Hand a refusal to the thread, at most one of a kind per key and KEY_CHECK_COOLDOWN_SECONDS."""
        now = time.monotonic()
        with self._lock:
            if now < self._quiet_until.get((key_id, outcome), now):
                return
            if len(self._quiet_until) >= MOST_REFUSED:
                self._quiet_until = {which: end for which, end in self._quiet_until.items() if end > now}
            if len(self._quiet_until) >= MOST_REFUSED:
                return
            self._quiet_until[key_id, outcome] = now + settings.KEY_CHECK_COOLDOWN_SECONDS
            self._refused[key_id, outcome] = None
        self._at_once.set()

    def _drop(self, count: int) -> None:
        if not self._dropped:
            logger.error("usage: too many counts wait to be written; some calls are not counted")
        self._dropped += count

    def _see_to_the_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="usage", daemon=True)
            self._thread.start()

    # --- The thread ---

    def _run(self) -> None:
        while True:
            self._something.wait()
            self._at_once.wait(WRITE_EVERY_SECONDS)
            self._something.clear()
            self._at_once.clear()
            asked = self._asked
            self._write()
            with self._rounds:
                self._served = asked
                self._rounds.notify_all()

    def _write(self) -> None:
        with self._in_hand:
            with self._lock:
                counts, self._counts = self._counts, {}
                refused, self._refused = self._refused, {}
            try:
                self._look_into(refused)
                self._add(counts)
            finally:
                connection.close()  # to the pool, where there is one

    def _look_into(self, refused: dict[tuple[UUID, str], None]) -> None:
        while refused:
            which = next(iter(refused))
            del refused[which]
            with self._trying():
                refusals.look_into(*which, timezone.now())
            if self._is_failing:
                refused[which] = None  # last, so that no other waits for it alone
                break
        if refused:
            with self._lock:
                self._refused.update(refused)
            self._something.set()

    def _add(self, counts: Counts) -> None:
        left = counts
        with self._trying():
            left = rows.add(counts) if counts else {}
        if not left:
            self._dropped = 0
            return
        with self._lock:
            for call, count in left.items():
                if call in self._counts or len(self._counts) < MOST_COUNTS:
                    self._counts[call] = self._counts.get(call, 0) + count
                else:
                    self._drop(count)
        self._something.set()

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """The block may fail; the log says so when that changes."""
        try:
            yield
        except Exception as problem:
            if not self._is_failing:
                logger.warning("usage: nothing is written for now (%s)", type(problem).__name__)
            self._is_failing = True
        else:
            if self._is_failing:
                logger.info("usage: writing again")
            self._is_failing = False

    # --- Ends ---

    def flush(self, timeout: float = 10.0) -> bool:
        """Have everything noted so far written now; whether it was, within so many seconds."""
        with self._lock:
            if not self._counts and not self._refused and not self._in_hand.locked():
                return True
            self._see_to_the_thread()
            self._asked += 1
            mine = self._asked
        self._something.set()
        self._at_once.set()
        with self._rounds:
            self._rounds.wait_for(lambda: self._served >= mine, timeout)
        with self._lock:
            return not self._counts and not self._refused

    def forget(self) -> None:
        """Drop what is not written, and return when nothing is being written: for tests."""
        with self._in_hand, self._lock:
            self._counts, self._refused, self._quiet_until = {}, {}, {}
            self._dropped, self._is_failing = 0, False


recorder = Recorder()
flush = recorder.flush
forget = recorder.forget
os.register_at_fork(after_in_child=recorder.begin_anew)
atexit.register(recorder.flush, _LAST_WORDS_SECONDS)


@worker_process_shutdown.connect(weak=False)
def _last_words(**_: object) -> None:
    """A child of Celery's prefork pool ends without `atexit`."""
    recorder.flush(_LAST_WORDS_SECONDS)


def note_taker(key: RestrictedKey) -> NotesCalls:
    """What notes the calls that are made with `key`; it holds nothing of the key but its id here."""
    key_id = key.pk

    def note(method: str, path: str, status: int | None, refusal: bytes | None) -> None:
        recorder.note(key_id, method, path, status, refusal)

    return note
