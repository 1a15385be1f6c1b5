"""A drill's view of renewals: old keys that are in use, their successors, and how the old ones end."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field

from tests.drills.managed_ground import Count, Mint
from tests.waiting import eventually

_PATIENCE_SECONDS = 240
_PLAN = "from stripe_keys.managed import schedule; schedule.plan()"
_IN_USE = """
    SELECT stripe_account_id, stripe_key_id FROM stripe_keys_restrictedkey
    WHERE status = 'active' AND managed_by = 'app' AND stripe_account_id = ANY(%s)"""
_KNOWN = "SELECT stripe_key_id FROM stripe_keys_restrictedkey WHERE stripe_account_id = ANY(%s)"
_ASKED_FOR_TWICE = """
    SELECT count(*) FROM stripe_keys_keymanagement place WHERE stripe_account_id = ANY(%s)
    AND 2 = (SELECT count(*) FROM stripe_keys_minting WHERE management_id = place.id AND state = 'done')"""
_DUE = """
    UPDATE stripe_keys_keymanagement SET next_rotation_at = now() - interval '1 minute'
    WHERE stripe_account_id = ANY(%s) RETURNING id"""
_HASTEN = """
    UPDATE stripe_keys_retirement SET due_at = now() WHERE state = 'waiting' AND problem <> 'WorkerLost'
    AND due_at > now() + interval '15 seconds' AND (expired_at IS NULL OR expired_at <= now()) RETURNING id"""
_LOOK_EARLY = """
    UPDATE stripe_keys_retirement SET due_at = now() WHERE state = 'waiting' AND problem = ''
    AND stripe_key_id = ANY(%s) AND due_at > now() AND expired_at > now() + interval '10 seconds' RETURNING id"""
_ROTATED = """
    SELECT count(*) FROM stripe_keys_minting WHERE how = 'rotate' AND stripe_account_id = ANY(%s)"""
_OVER_NOW = """
    UPDATE stripe_keys_retirement SET expired_at = now(), due_at = now()
    WHERE state = 'waiting' AND stripe_key_id = ANY(%s) RETURNING id"""
_OPEN = "SELECT count(*) FROM stripe_keys_retirement WHERE state IN ('waiting', 'claimed')"
_ENDINGS = """
    SELECT stripe_account_id, state, outcome, sealed, extract(epoch FROM refused_at) FROM stripe_keys_retirement
    WHERE stripe_key_id = ANY(%s)"""


@dataclass
class Renewed(Count):
    """What became of the accounts, each of which is to have one new key, and an old one that was seen to end."""

    unended: dict[str, str] = field(default_factory=dict)
    still_answered: dict[str, int] = field(default_factory=dict)
    unserved: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    @property
    def lost(self) -> list[str]:
        """Accounts whose one key is not the one that serves, whose old key lives on, or that once had no key."""
        several = {account for account, keys in self.living.items() if len(keys) != 1}
        return sorted(
            {*super().lost, *several, *self.unended, *self.still_answered, *self.unserved, *self.unknown}
        )

    @property
    def twice(self) -> list[str]:
        """Accounts for which more was made than the old key and the new one."""
        return [each for each, number in self.ever.items() if number > 2]

    def __str__(self) -> str:
        return (
            f"{super().__str__()} unended={len(self.unended)} still_answered={len(self.still_answered)}"
            f" without_a_key={len(self.unserved)} orphans={len(self.unknown)}"
        )


class Renewing:
    """Merchants whose keys the app has made, and who are now to get new ones."""

    def __init__(self, mint: Mint, accounts: list[str]) -> None:
        self.accounts = accounts
        self._mint = mint
        self._unserved: set[str] = set()
        mint.crew.worker()
        mint.wait_until_settled()
        mint.crew.dismiss()
        self._old = dict(self._in_use())
        assert sorted(self._old) == sorted(accounts)

    def let_fall_due(self, accounts: list[str]) -> None:
        """Have the workers find, at the next full minute, that these keys are too old."""
        self._mint.rows(_DUE, accounts)

    def plan_rotations(self, accounts: list[str]) -> None:
        """Ask for the successors of these keys by way of Stripe's own rotation."""
        self.let_fall_due(accounts)
        self._mint.stack.manage("shell", "-c", _PLAN, environment={"MANAGED_KEY_ROTATION": "rotate"})

    def wait_until_renewed(self) -> None:
        """Until each successor serves, noting on the way who is without any key."""

        def is_renewed() -> bool:
            self._note_unserved()
            asked = self._mint.rows(_ASKED_FOR_TWICE, self.accounts)
            return asked == [(len(self.accounts),)] and self._mint.is_done()

        eventually(is_renewed, timeout=_PATIENCE_SECONDS)

    def end_overlaps(self, accounts: list[str]) -> None:
        """Let the hour be over for which Stripe lets the old keys of rotations live."""
        old = [self._old[account] for account in accounts]
        for key in old:
            self._mint.stripe.end_overlap(key)
        assert len(self._mint.rows(_OVER_NOW, old)) == len(old)

    def wait_until_ended(self) -> None:
        """Until nothing more is to be ended; what waits for Stripe is brought forward, so that nobody has to."""

        def is_ended() -> bool:
            self._note_unserved()
            self._mint.rows(_HASTEN)
            return self._mint.rows(_OPEN) == [(0,)]

        eventually(is_ended, timeout=_PATIENCE_SECONDS)

    def count(self, name: str, deaths: int) -> Renewed:
        """Count, once all is settled."""
        plain = self._mint.count(name, self.accounts, deaths)
        counted = Renewed(name, deaths, plain.living, plain.ever, plain.serving, unserved=self._unserved)
        known = {key for (key,) in self._mint.rows(_KNOWN, self.accounts)}
        endings = {account: rest for account, *rest in self._mint.rows(_ENDINGS, list(self._old.values()))}
        for account, old in self._old.items():
            state, outcome, sealed, at = endings.get(account, ("none", "", "", None))
            if state != "done" or outcome not in ("refused", "gone") or sealed:
                counted.unended[account] = f"{state} {outcome}{' with a copy' if sealed else ''}"
            elif outcome == "refused" and (not at or at < self._mint.stripe.key(old)["works_until"]):
                counted.unended[account] = "believed to be refused while it was not"
            answer = self._answer_to(old)
            if answer != 401:
                counted.still_answered[account] = answer
            if not {old, *counted.living[account]} <= known:
                counted.unknown.add(account)
        return counted

    def _in_use(self) -> list[tuple[str, str]]:
        return [(str(account), str(key)) for account, key in self._mint.rows(_IN_USE, self.accounts)]

    def _note_unserved(self) -> None:
        self._unserved |= set(self.accounts) - {account for account, _ in self._in_use()}

    def _answer_to(self, key: str) -> int:
        """With which status Stripe answers that key."""
        request = urllib.request.Request(  # noqa: S310 - always our own loopback address
            f"{self._mint.stack.simulator_url}/v1/account",
            headers={"Authorization": f"Bearer {self._mint.stripe.reveal_key(key)}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return int(response.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code


class Overlapping(Renewing):
    """The same where the workers' setting has Stripe rotate each key, and each old one live on for minutes."""

    def is_rotated_by_stripe(self) -> bool:
        """Whether each new key came by a rotation of Stripe's, and no old one was ended by us."""
        ended_by_us = [
            call
            for account in self.accounts
            for call in self._mint.stripe.requests(path="/v2/iam/api_keys", account=account, method="POST")
            if call["path"].endswith("/expire")
        ]
        return self._mint.rows(_ROTATED, self.accounts) == [(len(self.accounts),)] and not ended_by_us

    def _note_unserved(self) -> None:
        """Also who has a key here that Stripe refuses; and have each old key looked at while it is left alone yet."""
        super()._note_unserved()
        in_use = self._in_use()
        accepted = {str(key["id"]) for key in self._mint.stripe.keys("") if key["authenticates"]}
        refused = {(account, key) for account, key in in_use if key not in accepted}
        # One that was replaced between the two looks is not in use any more.
        self._unserved |= {account for account, _ in refused & set(self._in_use())} if refused else set()
        self._mint.rows(_LOOK_EARLY, list(self._old.values()))
