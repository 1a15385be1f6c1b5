"""One hunt for canaries: who takes part, what they hold, and everything that is searched at the end."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from local_stack.processes import Stack
from tests.browser.on_the_site import lasting_code
from tests.browser.stage import told_by
from tests.journeys import sinks
from tests.journeys.canary import Canaries, Found
from tests.journeys.ears import ProcessWatch, RedisEar
from tests.journeys.plain_browser import PlainBrowser
from tests.simulator import Json, SimulatorAdmin
from tests.stripe_keys.outgoing.receiver import Receiver
from tests.waiting import eventually

PASTE = "/stripe/paste/test/"


@dataclass
class Hunt:
    """What the steps of the story share. Every canary is pasted in one place and named after it."""

    stack: Stack
    stripe: SimulatorAdmin
    email: str
    merchant: str
    account: str
    ada: PlainBrowser
    stranger: PlainBrowser
    olga: PlainBrowser
    machine: PlainBrowser
    """Whoever sends events."""
    partner: Receiver
    """Whom the site tells of every change of a key."""
    ear: RedisEar
    since: float
    canaries: Canaries = field(default_factory=Canaries)
    watch: ProcessWatch = field(default_factory=ProcessWatch)
    saved: list[Found] = field(default_factory=list)
    """What the end of a server would have taken away."""

    @property
    def debug(self) -> bool:
        """Whether the site shows its errors to whoever makes them."""
        return self.stack.environment.get("DEBUG") == "true"

    def known(self, name: str) -> str:
        """A canary that Stripe knows as a key of Ada's account."""
        return str(self.made(name)["token"])

    def made(self, name: str) -> Json:
        """The same, with its id and so on."""
        return self.stripe.create_key(self.account, token=self.canaries.key(name))

    def wait_for(self, address: str, words: str) -> None:
        """Until Ada reads these words there."""
        eventually(lambda: words in self.ada.get(address).text, timeout=30)

    def told(self) -> set[str]:
        """The types of the messages that the partner's own system was sent so far."""
        signed = [each for each in self.partner.arrivals if "webhook-signature" in each.headers]
        return {str(json.loads(each.body)["type"]) for each in signed}

    def hits(self) -> list[str]:
        """Where canaries are, in sentences."""
        self.watch.look()
        return [str(hit) for hit in self.canaries.hits(self._everything())]

    def _everything(self) -> Iterator[Found]:
        for browser in (self.ada, self.stranger, self.olga, self.machine):
            yield from sinks.answered(browser.answers)
        yield from sinks.told(self.partner)
        yield from self.ear.heard
        yield from self.watch.seen
        yield from self.saved
        yield from sinks.left_behind(self.stack, since=self.since)


@contextmanager
def hunting(stack: Stack, partner: Receiver) -> Iterator[Hunt]:
    """A hunt on this stack, to which Ada and Olga have signed in; afterwards `hits()` may be asked for."""
    since = time.time() - 1
    partner.arrivals.clear()
    stripe = SimulatorAdmin(stack.simulator_url)
    sinks.listen_closely(stack)
    told = told_by(stack, "tests.journeys.hunters")
    with ExitStack() as closing:
        browsers = [PlainBrowser(stack.site_url) for _ in range(4)]
        for browser in browsers:
            closing.callback(browser.close)
        closing.callback(stripe.clear_faults)
        ada, stranger, olga, machine = browsers
        ada.sign_in(told["ada"], told["password"])
        olga.sign_in(told["olga"], told["password"])
        olga.post("/accounts/2fa/authenticate/", {"code": lasting_code(told["totp_secret"])})
        assert "What the site knows" in olga.get("/ops/").text
        yield Hunt(
            stack=stack,
            stripe=stripe,
            email=told["ada"],
            merchant=told["merchant"],
            account=stripe.create_account("Ada's Lamps"),
            ada=ada,
            stranger=stranger,
            olga=olga,
            machine=machine,
            partner=partner,
            ear=closing.enter_context(RedisEar(stack.servers.redis_url)),
            since=since,
        )
