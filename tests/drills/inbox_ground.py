"""What a drill of the inbox needs: the site as processes, merchants it knows, events of all kinds, a strict count."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from local_stack.processes import Stack
from tests.browser.stage import told_by
from tests.drills.audit import Audit
from tests.drills.crew import Crew
from tests.drills.found import Found, Span
from tests.drills.sender import Letter, Sender, Sending
from tests.people import some_letters
from tests.simulator import Json, SimulatorAdmin
from tests.waiting import eventually

KEY = "v2.iam.api_key."
_AT_A_TIME = 2000
_NAMED = ("updated", "created", "default_secret_revealed", "rotated", "expired")
_ORDINARY = ("updated", "created", "default_secret_revealed", "expired")


@dataclass(frozen=True)
class Merchant:
    """Somebody the site knows: the account at Stripe, the key's id here, and its id there."""

    account: str
    key: str
    at_stripe: str


class Inbox:
    """A running site whose inbox is under drill."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.stripe = SimulatorAdmin(stack.simulator_url)
        self.audit = Audit(stack.servers.database_url)
        self.crew = Crew(stack)
        self.sender = Sender(f"{stack.site_url}/webhooks/stripe/")
        self.stripe.add_treatment(drop=True, times=None)  # what is delivered, the drills deliver
        self._secrets = dict(
            entry.split(":", 1) for entry in stack.environment["STRIPE_WEBHOOK_SECRETS"].split(",")
        )
        self._cast = 0
        self._named: Counter[tuple[str, str]] = Counter()

    def merchants(self, count: int) -> list[Merchant]:
        """New merchants, once their first checks are over."""
        told = told_by(
            self.stack, "tests.drills.inbox_cast", self.stack.simulator_url, str(count), str(self._cast)
        )
        self._cast += count
        made = [Merchant(**each) for each in told]
        keys = [each.key for each in made]
        unproven = (
            "SELECT count(*) FROM stripe_keys_restrictedkey WHERE id = ANY(%s::uuid[]) AND status = 'pending'"
        )
        eventually(lambda: self.audit.rows(unproven, keys) == [(0,)], timeout=90)
        return made

    # --- Events --------------------------------------------------------------------------------------------------

    def publish(self, events: Sequence[Json]) -> list[Letter]:
        """Let Stripe have these events, and nobody be told of them yet."""
        made: list[Letter] = []
        for start in range(0, len(events), _AT_A_TIME):
            batch = events[start : start + _AT_A_TIME]
            answers = self.stripe.emit_many(list(batch))
            for event, answer in zip(batch, answers, strict=True):
                secret = self._secrets[str(event.get("shape", "thin"))]
                made.append(Letter(str(answer["id"]), str(answer["body"]), secret))
        return made

    def thin(self, merchant: Merchant, what: str = "updated", *, key: str = "") -> Json:
        """An event about the merchant's key here, or about another key of their account."""
        data = {"api_key": key or merchant.at_stripe}
        if what == "rotated":
            data["new_api_key"] = f"mk_1{some_letters(20)}"
        if not key:
            self._named[merchant.key, what] += 1
        return {"type": KEY + what, "account": merchant.account, "livemode": True, "data": data}

    def ordinary(self, merchants: Sequence[Merchant], count: int) -> list[Json]:
        """Events about other keys of these merchants' accounts, which concern no key that is held here."""
        return [
            self.thin(
                merchants[number % len(merchants)],
                _ORDINARY[number % len(_ORDINARY)],
                key=f"mk_1{some_letters(20)}",
            )
            for number in range(count)
        ]

    def mixed(self, merchants: Sequence[Merchant], count: int) -> list[Json]:
        """Of 100 events 80 are thin ones of known accounts, 10 snapshots, 5 of unknown accounts, 5 of unknown types.

        Each merchant's key is named by one event of each kind; Stripe tells us about an account's other keys as well.
        """
        named = [self.thin(merchant, what) for merchant in merchants for what in _NAMED]
        odd = [self._odd(merchants[number % len(merchants)], number) for number in range(count // 5)]
        events = [*named, *odd, *self.ordinary(merchants, count - len(named) - len(odd))]
        random.shuffle(events)
        return events

    def _odd(self, merchant: Merchant, number: int) -> Json:
        known = {"account": merchant.account, "livemode": True}
        match number % 4:
            case 0:
                return {"type": KEY + "updated", "account": f"acct_{some_letters(16)}", "livemode": True}
            case 1:
                return {"type": "v2.drill.unknown", **known}
            case _:
                data = {"id": "ca_" + some_letters(16), "object": "application", "name": "App"}
                return {
                    "type": "account.application.authorized",
                    "shape": "snapshot",
                    "data": data,
                    **known,
                }

    # --- Counting ------------------------------------------------------------------------------------------------

    def wait_until_done(self, seconds: float = 120) -> None:
        """Until no event waits or is worked on."""
        eventually(lambda: self.audit.open_events() == 0, timeout=seconds)

    def count(
        self,
        name: str,
        sending: Sending,
        *,
        merchants: Sequence[Merchant] = (),
        without_web: Iterable[Span] = (),
        seconds: float = 120,
    ) -> Found:
        """Wait until everything is delivered and done, and count."""
        sending.wait(seconds)
        self.wait_until_done(seconds)
        ids = sorted({letter.event_id for letter in sending.letters})
        return Found(
            name,
            sending,
            self.audit.events(ids),
            self.audit.last_end(ids) - sending.began_at,
            tuple(without_web),
            self._doubled(merchants),
        )

    def _doubled(self, merchants: Sequence[Merchant]) -> dict[str, int]:
        """Keys whose history says a thing more often than there were events of any one kind, or that mail it twice."""
        most = {each.key: max(self._named[each.key, what] for what in _NAMED) for each in merchants}
        doubled: dict[str, int] = {}
        for (key, reason), lines in self.audit.history(list(most)).items():
            if lines > most[key]:
                doubled[f"{key}: {reason}"] = lines
        mails = self.audit.notices(kind="rotated")
        return doubled | {f"{key}: mails": mails[key] for key in most if mails.get(key, 0) > most[key]}

    # --- Trouble -------------------------------------------------------------------------------------------------

    def freeze(self, pid: int) -> None:
        """Stop a process in its tracks."""
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        """Let it go on."""
        os.kill(pid, signal.SIGCONT)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """One of the stack's processes stands still meanwhile."""
        pid = self.stack.pid(name)
        self.freeze(pid)
        try:
            yield
        finally:
            self.thaw(pid)

    def crash(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a server in an instant, and start it again."""
        self.stack.kill(name, how)
        eventually(lambda: not self.stack.pid(name), timeout=30)
        self.stack.start_process(name)

    def flush(self) -> None:
        """Let Redis forget everything."""
        with redis.Redis.from_url(self.stack.servers.redis_url) as client:
            client.flushall()

    def kill_web(self) -> Span:
        """Kill the web server with all its workers; returns how long nobody was there to answer."""
        began_at = time.time()
        self.stack.kill("web", signal.SIGKILL)
        self.stack.wait_until_ready("web")
        return Span(began_at, time.time())

    def repair(self) -> None:
        """Have everything run as at the beginning."""
        self.crew.dismiss()
        self.stripe.clear_faults()
        for name in ("postgres", "redis"):
            if not self.stack.pid(name):
                self.stack.start_process(name)
        for name in ("web", "worker"):
            if not self.stack.pid(name):
                self.stack.start_process(name)
        self.stack.wait_until_ready("web", "worker")

    def close(self) -> None:
        """End what was started here."""
        self.crew.close()
        self.sender.close()
