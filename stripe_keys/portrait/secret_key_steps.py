"""Where a merchant stands on the way from a secret key to restricted ones: read from facts, never ticked off."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Merchant
from stripe_keys import permissions, portrait, sentences
from stripe_keys.manifest import RequiredPermission
from stripe_keys.models import DEFAULT_PURPOSE, RestrictedKey, SecretKeyMigration

DONE, NOW, LATER, SKIPPED = "done", "now", "later", "skipped"
_WORDS = {DONE: "Done", NOW: "Now", LATER: "Later", SKIPPED: "Left out"}


@dataclass(frozen=True)
class Step:
    """One of the four."""

    name: str
    state: str

    @property
    def word(self) -> str:
        """Its state, in a word."""
        return _WORDS[self.state]

    @property
    def is_open(self) -> bool:
        """Whether the page shows at once what there is to do."""
        return self.state == NOW


@dataclass(frozen=True)
class KeyOfMode:
    """The restricted key of one mode that is in use or on trial, if there is one."""

    mode: str
    key: RestrictedKey | None
    pill: tuple[str, str]

    @property
    def is_active(self) -> bool:
        """Whether it is in use and can do all that is needed."""
        key = self.key
        return key is not None and key.status == RestrictedKey.Status.ACTIVE and key.is_usable


@dataclass(frozen=True)
class OldKey:
    """The secret key of one mode: what is known of it, and what was said of it by mistake."""

    mode: str
    row: SecretKeyMigration | None
    mistakes: tuple[SecretKeyMigration, ...]

    @property
    def is_retired(self) -> bool:
        """Whether it is known to be dead."""
        return self.row is not None and self.row.is_retired


@dataclass(frozen=True)
class Walk:
    """All four steps of a merchant."""

    permissions: tuple[RequiredPermission, ...]
    calls: Step
    test: Step
    live: Step
    retire: Step
    test_key: KeyOfMode
    live_key: KeyOfMode
    old: tuple[OldKey, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.retire.state == DONE and self.live.state == DONE


def draw(*, merchant: Merchant, now: datetime) -> Walk:
    """The walk as the merchant's rows tell it.

    The first step is behind whoever has brought a key; the one with test keys may be left out.
    """
    live, test = (_key_of(merchant, livemode=livemode, now=now) for livemode in (True, False))
    old = tuple(_old_key(merchant, livemode=livemode) for livemode in (True, False))
    has_begun = live.key is not None or test.key is not None
    done = {
        "calls": has_begun,
        "test": test.is_active,
        "live": live.is_active,
        "retire": old[0].is_retired,
    }
    states: dict[str, str] = {}
    for name, is_done in done.items():
        is_skipped = name == "test" and not is_done and (live.is_active or old[0].is_retired)
        earlier = NOW in states.values()
        states[name] = DONE if is_done else SKIPPED if is_skipped else LATER if earlier else NOW
    return Walk(
        permissions=permissions.required(),
        **{name: Step(name, state) for name, state in states.items()},
        test_key=test,
        live_key=live,
        old=old,
    )


def _key_of(merchant: Merchant, *, livemode: bool, now: datetime) -> KeyOfMode:
    """The key in use, else the one on trial."""
    mode = "live" if livemode else "test"
    kept = RestrictedKey.objects.kept().filter(merchant=merchant, livemode=livemode, purpose=DEFAULT_PURPOSE)
    shown = [portrait.as_shown(key, now) for key in kept.order_by("-created_at")]
    keys = sorted((key for key in shown if key.is_kept), key=lambda key: key.status not in key.USABLE)
    if not keys:
        return KeyOfMode(mode, None, ("", ""))
    return KeyOfMode(mode, keys[0], sentences.pill(keys[0]))


def _old_key(merchant: Merchant, *, livemode: bool) -> OldKey:
    rows = SecretKeyMigration.objects.filter(merchant=merchant, livemode=livemode)
    told = list(rows.select_related("proven_by", "taken_back_by").order_by("pk"))
    current = next((row for row in told if row.taken_back_at is None), None)
    mistakes = tuple(row for row in told if row.taken_back_at is not None)
    return OldKey("live" if livemode else "test", current, mistakes)
