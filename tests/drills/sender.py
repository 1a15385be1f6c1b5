"""A sender that acts as Stripe does: it signs each attempt anew and tries again whatever is not answered with 2xx."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import aiohttp

from stripe_simulator.envelopes import signed

LADDER = (0.3, 0.6, 1.0, 2.0, 3.0)
TRIES = 60
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Letter:
    """One event as it travels."""

    event_id: str
    body: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Attempt:
    """One try to deliver; `status` is 0 where no answer came."""

    event_id: str
    began_at: float
    seconds: float
    status: int
    trouble: str = ""
    retry_after: str = ""

    @property
    def ended_at(self) -> float:
        """When the answer was there, or no answer was certain; seconds since 1970, as `began_at`."""
        return self.began_at + self.seconds


@dataclass
class Sending:
    """Letters on their way."""

    letters: Sequence[Letter]
    began_at: float = field(default_factory=time.time)
    attempts: list[Attempt] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    _done: "Future[None] | None" = None

    def wait(self, seconds: float) -> None:
        """Until each letter was answered with 2xx, or given up after many tries."""
        assert self._done is not None
        self._done.result(seconds)

    @property
    def is_over(self) -> bool:
        """Whether nothing is on its way any more."""
        return self._done is not None and self._done.done()

    @property
    def answers(self) -> list[Attempt]:
        """The attempts that were answered."""
        return [attempt for attempt in self.attempts if attempt.status]

    @property
    def statuses(self) -> set[int]:
        """With what they were answered."""
        return {attempt.status for attempt in self.answers}


class Sender:
    """Delivers from a thread of its own, at most `at_once` letters at a time, each over a new connection."""

    def __init__(self, url: str, *, at_once: int = 16) -> None:
        self.url = url
        self._at_once = at_once
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sender", daemon=True)
        self._thread.start()

    def send(self, letters: Sequence[Letter], *, per_second: float = 0.0, tries: int = TRIES) -> Sending:
        """Begin to deliver; with `per_second`, letters set out one after the other at that pace."""
        sending = Sending(letters)
        whole = self._send_all(sending, per_second, tries)
        sending._done = asyncio.run_coroutine_threadsafe(whole, self._loop)
        return sending

    def close(self) -> None:
        """Stop; what is on its way is dropped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _send_all(self, sending: Sending, per_second: float, tries: int) -> None:
        gate = asyncio.Semaphore(self._at_once)
        began = time.monotonic()
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
            asyncio.TaskGroup() as group,
        ):
            for number, letter in enumerate(sending.letters):
                if per_second:
                    await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
                group.create_task(self._deliver(session, gate, sending, letter, tries))

    async def _deliver(
        self,
        session: aiohttp.ClientSession,
        gate: asyncio.Semaphore,
        sending: Sending,
        letter: Letter,
        tries: int,
    ) -> None:
        for number in range(tries):
            async with gate:
                attempt = await self._attempt(session, letter)
            sending.attempts.append(attempt)
            if 200 <= attempt.status < 300:
                sending.acknowledged.add(letter.event_id)
                return
            await asyncio.sleep(LADDER[min(number, len(LADDER) - 1)])

    async def _attempt(self, session: aiohttp.ClientSession, letter: Letter) -> Attempt:
        body = letter.body.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signed(body, [letter.secret], int(time.time())),
        }
        status, trouble, retry_after = 0, "", ""
        at, began = time.time(), time.perf_counter()
        try:
            async with session.post(
                self.url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
            ) as answer:
                await answer.read()
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            trouble = "timed out"
        except aiohttp.ClientConnectorError:
            trouble = "refused"
        except (aiohttp.ClientError, OSError):
            trouble = "broken off"
        return Attempt(letter.event_id, at, time.perf_counter() - began, status, trouble, retry_after)
