"""Events on their way: who gets them, signed how, tried how often, and every trouble a post can have."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aiohttp

from stripe_simulator import tokens
from stripe_simulator.config import Endpoint
from stripe_simulator.envelopes import Treatments, altered, encoded, header
from stripe_simulator.state import Attempt, Delivery, Event

if TYPE_CHECKING:
    from stripe_simulator.simulator import Simulator

# Stripe promises up to three days of ever longer waits in live mode, and three retries over a few hours in test mode.
LIVE_RETRIES = tuple(60.0 * 2**step for step in range(12))
TEST_RETRIES = (600.0, 3600.0, 10800.0)
AT_ONCE = 20
KEPT_COUNT = 20_000


class PostOffice:
    """Delivers in the background; every delivery and each of its attempts can be read afterwards."""

    def __init__(self, sim: "Simulator") -> None:
        self._sim = sim
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.treatments = Treatments()

    # Taking in

    def post(self, event: Event, body: dict[str, Any], treatment: dict[str, Any]) -> list[Delivery]:
        """Start a delivery to each endpoint that wants the event; `treatment` may name one and spoil the post."""
        made: list[Delivery] = []
        for endpoint in self._sim.endpoints.values():
            if treatment.get("endpoint", endpoint.id) != endpoint.id:
                continue
            if not self._wants(endpoint, event, named="endpoint" in treatment):
                continue
            how = treatment or self.treatments.take(event.type)
            copies = 1 + int(how.get("duplicate", 0))
            made += [
                self._begin(event.id, event.type, endpoint.id, encoded(body), how) for _ in range(copies)
            ]
        return made

    def post_raw(self, endpoint_id: str, body: str, treatment: dict[str, Any]) -> Delivery:
        """Deliver any text to an endpoint, signed like an event."""
        return self._begin("", "raw", endpoint_id, body, treatment)

    def _wants(self, endpoint: Endpoint, event: Event, *, named: bool) -> bool:
        if endpoint.disabled or endpoint.payload != event.shape:
            return False
        if not named and "*" not in endpoint.events and event.type not in endpoint.events:
            return False
        if event.livemode:
            return endpoint.mode in ("live", "both")
        also_live = self._sim.switches.test_events_to_live_endpoint and event.connect
        return endpoint.mode in ("test", "both") or also_live

    def _begin(self, event: str, kind: str, endpoint: str, body: str, treatment: dict[str, Any]) -> Delivery:
        now = self._sim.now()
        delivery = Delivery(
            id=tokens.object_id("dlv"),
            event=event,
            type=kind,
            endpoint=endpoint,
            created=now,
            body=altered(body, treatment),
            treatment=treatment,
            next_at=now + float(treatment.get("delay", 0)),
        )
        self._keep(delivery)
        if treatment.get("drop"):
            delivery.state = "dropped"
        elif treatment.get("hold"):
            delivery.state = "held"
        else:
            self._start(delivery)
        return delivery

    def _keep(self, delivery: Delivery) -> None:
        kept = self._sim.world.deliveries
        kept[delivery.id] = delivery
        while len(kept) > KEPT_COUNT:
            del kept[next(iter(kept))]

    # Sending

    def resume(self) -> None:
        """Start again what was pending when the simulator was stopped."""
        for delivery in self._sim.world.deliveries.values():
            if delivery.state == "pending":
                self._start(delivery)

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Send held (or long finished) deliveries, in this order, each after the one before it was answered."""
        for delivery in deliveries:
            delivery.state = "pending"
            delivery.next_at = self._sim.now()
        task = asyncio.get_running_loop().create_task(self._in_order(list(deliveries)))
        self._watch(f"release-{tokens.letters(8)}", task)

    async def _in_order(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            await self._attempt(delivery)
            if delivery.state == "pending":
                self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        self._watch(delivery.id, asyncio.get_running_loop().create_task(self._deliver(delivery)))

    def _watch(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._tasks.pop(name) if self._tasks.get(name) is done else None)

    async def _deliver(self, delivery: Delivery) -> None:
        while self._is_waiting(delivery):
            await self._sim.clock.reached(delivery.next_at)
            if self._is_waiting(delivery):
                await self._attempt(delivery)

    def _is_waiting(self, delivery: Delivery) -> bool:
        """Say whether this very task is to try again: it may have been stopped, and another begun."""
        return delivery.state == "pending" and self._tasks.get(delivery.id) is asyncio.current_task()

    def stop(self, endpoint_id: str) -> None:
        """End the retries to an endpoint that was disabled; what is sent again later begins anew."""
        for delivery in self._sim.world.deliveries.values():
            if delivery.endpoint == endpoint_id and delivery.state == "pending":
                delivery.state = "stopped"
        self._sim.changed()

    async def _attempt(self, delivery: Delivery) -> None:
        endpoint = self._sim.endpoints.get(delivery.endpoint)
        if endpoint is None or endpoint.disabled:
            delivery.state = "stopped"
        else:
            async with self._gate:
                attempt = await self._send(delivery, endpoint)
            delivery.attempts.append(attempt)
            self._settle(delivery, attempt)
        self._sim.changed()

    def _settle(self, delivery: Delivery, attempt: Attempt) -> None:
        if attempt.status is not None and 200 <= attempt.status < 300:
            delivery.state = "delivered"
            return
        if delivery.state == "stopped":
            return
        ladder = self._ladder(delivery)
        if len(delivery.attempts) > len(ladder):
            delivery.state = "failed"
            return
        delivery.next_at = self._sim.now() + ladder[len(delivery.attempts) - 1]

    def _ladder(self, delivery: Delivery) -> Sequence[float]:
        """Return the waits between the attempts."""
        if not self._sim.switches.webhook_retries_as_stripe:
            return self._sim.switches.webhook_retry_seconds
        return TEST_RETRIES if _is_test(delivery) else LIVE_RETRIES

    async def _send(self, delivery: Delivery, endpoint: Endpoint) -> Attempt:
        started, at = time.perf_counter(), self._sim.now()
        status, problem = None, ""
        # Time and signature are new at each attempt, as Stripe's are.
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            **header(
                delivery.body,
                endpoint.secrets,
                delivery.treatment,
                with_v0=_is_test(delivery),
            ),
        }
        try:
            async with self._client().post(
                endpoint.url,
                data=delivery.body.encode(),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._sim.switches.delivery_timeout_seconds),
            ) as response:
                status = response.status
                await response.content.read(65536)
        except TimeoutError:
            problem = "timed out"
        except aiohttp.ClientConnectorError:
            problem = "no connection"
        except aiohttp.ClientError:
            problem = "connection broken"
        return Attempt(at, status, problem, round(time.perf_counter() - started, 4))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    # Ending

    def clear_rules(self) -> None:
        self.treatments.clear()

    def cancel_all(self) -> None:
        """Stop every delivery."""
        for task in list(self._tasks.values()):
            task.cancel()

    async def close(self) -> None:
        """Stop and close the connections."""
        tasks = list(self._tasks.values())
        self.cancel_all()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def counts(self) -> dict[str, int]:
        """Return how many deliveries are in each state."""
        return dict(Counter(delivery.state for delivery in self._sim.world.deliveries.values()))


def _is_test(delivery: Delivery) -> bool:
    return '"livemode":false' in delivery.body
