"""One merchant's life with Stripe as a machine that a property test drives: what happens there, and what reaches us."""

from typing import Any

from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from stripe_keys import approvals, services
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from tests.people import an_owner, merchant_of, some_letters
from tests.simulator import Json, SimulatorAdmin
from tests.stripe_keys.keys import REQUIRED, bind_account, paste
from tests.webhooks.deliveries import deliver
from webhooks import reconciling
from webhooks.models import EventNotification
from work import engine

Status = RestrictedKey.Status
ENDED = {Status.EXPIRED, Status.REPLACED, Status.REMOVED, Status.REJECTED}


class History(RuleBasedStateMachine):
    """What a merchant does at Stripe and here, while Stripe's deliveries come late, twice, out of order or never.

    Whatever came of it, a reconciliation brings what we hold into line with what is true at Stripe.
    """

    admin: SimulatorAdmin
    keys: Bundle[str] = Bundle("keys")

    @initialize()
    def begin(self) -> None:
        """Open an account at Stripe and a merchant here, and hold back every delivery."""
        self.account = self.admin.create_account()
        self.ada = an_owner(f"{some_letters(12).lower()}@example.com", "Ada's Lamps")
        self.tokens: dict[str, str] = {}
        self.pasted: list[RestrictedKey] = []
        self.seen_uninstalled: set[str] = set()
        self.endpoints = [f"we_{payload}_{some_letters(8)}" for payload in ("thin", "snapshot")]
        for endpoint in self.endpoints:
            payload = endpoint.split("_")[1]
            self.admin.put_endpoint(
                endpoint, "http://127.0.0.1:9/held", payload=payload, mode="both", secrets=["x" * 32]
            )
        self.delivered: set[str] = set()
        self.install()

    def teardown(self) -> None:
        """Bring the merchant's life to its end, and look whether we know it."""
        if not hasattr(self, "endpoints"):
            return
        try:
            reconciling.begin(options=reconciling.Options(), asked_for_by="a test", account=self.account)
            engine.drain("reconciliations")
            self.work_until_quiet()
            self.compare()
        finally:
            for endpoint in self.endpoints:
                self.admin.put_endpoint(endpoint, "http://127.0.0.1:9/held", payload="thin", disabled=True)
            for key in RestrictedKey.objects.kept().filter(merchant=merchant_of(self.ada)):
                services.remove(key=key, user=self.ada, now=timezone.now())

    # At Stripe

    @property
    def install_at_stripe(self) -> Json:
        """The app on the account now."""
        return next(each for each in self.admin.installs() if each["account"] == self.account)

    @property
    def is_installed(self) -> bool:
        """Whether the app is on the account now."""
        return any(each["account"] == self.account for each in self.admin.installs())

    @precondition(lambda self: not self.is_installed)
    @rule()
    def install(self) -> None:
        """Install the app by our link, so that the way back binds the account."""
        self.admin.create_install(self.account, livemode=False)
        bind_account(self.ada, self.account)

    @precondition(lambda self: self.is_installed)
    @rule(expire_keys=st.booleans())
    def uninstall(self, expire_keys: bool) -> None:
        """Take the app off the account; its keys are kept or expired."""
        self.admin.uninstall(str(self.install_at_stripe["id"]), expire_keys=expire_keys)

    @precondition(lambda self: self.is_installed)
    @rule(more=st.sampled_from(["ask", "approve"]))
    def upgrade(self, more: str) -> None:
        """Ask for a permission more in a newer version of the app, or approve what it asks for."""
        self.admin.post(f"/installs/{self.install_at_stripe['id']}/{more}", permissions=["payout_write"])

    @precondition(lambda self: self.is_installed)
    @rule(target=keys)
    def make_key(self) -> str:
        """Make another key."""
        return self.remember(self.admin.create_key(self.account))

    @rule(target=keys, key=keys, overlap=st.sampled_from([0, 3600]))
    def rotate(self, key: str, overlap: int) -> str:
        """Replace a key by a new one; the old one dies now or in an hour."""
        if not self.lives(key):
            return key
        return self.remember(self.admin.rotate_key(key, overlap=overlap))

    @rule(key=keys)
    def end(self, key: str) -> None:
        """End a key."""
        if self.lives(key):
            self.admin.expire_key(key, lag=0)

    @rule(key=keys, lacking=st.sampled_from([[], REQUIRED[-1:], REQUIRED[:2]]))
    def change_permissions(self, key: str, lacking: list[str]) -> None:
        """Give a key all the permissions that we need, or all but some."""
        if self.lives(key):
            self.admin.change_key(key, permissions=[name for name in REQUIRED if name not in lacking])

    @rule(key=keys)
    def rename(self, key: str) -> None:
        """Change what does not matter to us."""
        if self.lives(key):
            self.admin.change_key(key, name=f"Renamed {some_letters(4)}")

    # Here

    @precondition(lambda self: self.is_installed)
    @rule(key=keys)
    def bring(self, key: str) -> None:
        """Paste a key, alive or not; a worker may get to it later."""
        self.pasted.append(paste(self.ada, self.tokens[key]))

    @rule(data=st.data())
    def some_deliveries_arrive(self, data: st.DataObject) -> None:
        """Deliver some of what Stripe has sent so far, in any order, some of it again."""
        sent = [each for endpoint in self.endpoints for each in self.admin.deliveries(endpoint=endpoint)]
        chosen = data.draw(st.lists(st.sampled_from(sent), max_size=6)) if sent else []
        for each in chosen:
            assert deliver(str(each["body"]).encode()).status_code == 200
            self.delivered.add(str(each["event"]))

    @rule()
    def events_are_worked_on(self) -> None:
        """Let a worker act on what has arrived."""
        if not self.is_installed:
            self.seen_uninstalled.update(str(key.pk) for key in self.pasted)
        engine.drain("events")

    @rule()
    def checks_are_made(self) -> None:
        """Let a worker do the checks that are due."""
        engine.drain("validations")

    # What must hold

    @invariant()
    def at_most_one_key_serves(self) -> None:
        """The database keeps this; were it to be broken, nobody could say which key is meant."""
        if hasattr(self, "ada"):
            assert RestrictedKey.objects.usable().filter(merchant=merchant_of(self.ada)).count() <= 1

    @invariant()
    def nothing_is_dead(self) -> None:
        """No event is given up."""
        assert not EventNotification.objects.filter(state="dead").exists()

    def compare(self) -> None:
        """Hold what we know against what is true at Stripe."""
        installs = StripeInstall.objects.filter(stripe_account_id=self.account)
        assert installs.filter(status=StripeInstall.Status.INSTALLED).exists() == self.is_installed
        awaited = approvals.awaited(merchant_of(self.ada), livemode=False)
        assert bool(awaited) == (self.is_installed and bool(self.install_at_stripe["pending"]))
        for key in self.pasted:
            key.refresh_from_db()
        at_stripe = {str(each["id"]): each for each in self.admin.keys(self.account)}
        for number, key in enumerate(self.pasted):
            theirs = at_stripe[key.stripe_key_id] if key.stripe_key_id else self.by_last4(key, at_stripe)
            may_have_ended = str(key.pk) in self.seen_uninstalled or number + 1 < len(self.pasted)
            self.compare_key(key, theirs, may_have_ended=may_have_ended)

    def compare_key(self, key: RestrictedKey, theirs: Json, *, may_have_ended: bool) -> None:
        """Hold one key against Stripe's: what it accepts is here, unless a later key or an uninstall ended it."""
        told = (key.status, key.last_problem, theirs["authenticates"], self.is_installed)
        missing = set(REQUIRED) - set(theirs["permissions"])
        if key.awaits_account_confirmation:  # it works, and nobody has said yet that the account is theirs
            assert theirs["authenticates"], told
            assert not self.is_installed, told
        elif not theirs["authenticates"] or not self.is_installed:
            assert key.status in ENDED, told
        elif key.status in ENDED:
            assert may_have_ended, told
        elif key.status == Status.PENDING:  # it waits behind one that can do more
            assert missing, told
            assert RestrictedKey.objects.usable().filter(merchant=key.merchant_id).exists(), told
        else:
            assert (key.status == Status.LIMITED) == bool(missing), told

    # How it is done

    def remember(self, made: Json) -> str:
        """Keep a key's text, for pasting it."""
        self.tokens[str(made["id"])] = str(made["token"])
        return str(made["id"])

    def lives(self, key: str) -> bool:
        """Whether Stripe accepts the key now."""
        return bool(self.admin.key(key)["authenticates"]) and self.admin.key(key)["status"] == "active"

    def by_last4(self, key: RestrictedKey, at_stripe: dict[str, Any]) -> Json:
        """Stripe's key of the same end, for one whose id was never told."""
        return next(at_stripe[name] for name, token in self.tokens.items() if token.endswith(key.last4))

    def work_until_quiet(self) -> None:
        """Do whatever waits, however late it is meant to be, until nothing follows from it any more."""
        for _ in range(6):
            if not self.is_installed:
                self.seen_uninstalled.update(str(key.pk) for key in self.pasted)
            engine.drain("events")
            Validation.objects.checks().filter(state="waiting").update(due_at=Now())
            engine.drain("validations")
