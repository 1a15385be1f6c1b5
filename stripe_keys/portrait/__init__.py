"""What the pages show of a key, gathered once: so the page, its live part and a refresh without JavaScript agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import User
from stripe_keys import endings, ledger, needs, sentences
from stripe_keys.models import PermissionCheck, RestrictedKey, StatusChange, Validation
from stripe_keys.portrait import least_privilege
from stripe_keys.sentences import ending_at_stripe, weather
from stripe_keys.sentences.notices import Notice
from stripe_keys.sentences.problems import GENERIC_REJECTION, PROBLEMS

Status = RestrictedKey.Status
State = Validation.State
SOON = timedelta(minutes=5)
SLOW = timedelta(seconds=20)
_WORDS = {
    "granted": "Granted",
    "missing": "Missing",
    "unknown": "Could not be checked",
    "checking": "Checking",
    "waiting": "Waiting",
    "unchecked": "Not checked",
}
_TONES = {
    Status.ACTIVE: "success",
    Status.LIMITED: "warning",
    Status.EXPIRED: "danger",
    Status.REJECTED: "danger",
}


@dataclass(frozen=True)
class PermissionLine:
    """One required permission and what is known of it."""

    label: str
    access: str
    purpose: str
    outcome: str
    word: str


@dataclass(frozen=True)
class Moment:
    """One line of the timeline; `at` is None where the moment would tell what nobody may know."""

    at: datetime | None
    what: str
    why: str
    who: str
    tone: str = ""


@dataclass(frozen=True)
class Portrait:
    """A key as a page shows it; `pace` is how often the page asks again, empty when there is nothing to wait for."""

    key: RestrictedKey
    pill: tuple[str, str]
    headline: str
    notices: list[Notice]
    permissions: list[PermissionLine]
    timeline: list[Moment]
    pace: str
    is_slow: bool = False
    is_anonymous: bool = False
    version: str = field(default="")

    @property
    def granted(self) -> int:
        """How many permissions are granted."""
        return sum(line.outcome == "granted" for line in self.permissions)

    @property
    def features(self) -> list[tuple[str, list[PermissionLine]]]:
        """What a limited key's permissions are for: what does not work first. Empty while it is being checked."""
        if self.key.status != Status.LIMITED or self.is_checking:
            return []
        groups = (("missing", "Does not work"), ("unknown", "Could not be checked"), ("granted", "Works"))
        found = [(title, [one for one in self.permissions if one.outcome == name]) for name, title in groups]
        return [(title, lines) for title, lines in found if lines]

    @property
    def has_report(self) -> bool:
        """Whether there is a page on what the key can do and is used for."""
        return least_privilege.may_be_shown(self.key)

    @property
    def is_checking(self) -> bool:
        """Whether a check is going on or about to begin."""
        return self.pace == "1s"

    @property
    def waits(self) -> bool:
        """Whether something is about to change by itself; a mere countdown is no such thing."""
        return self.pace in ("1s", "5s")

    @property
    def shows_permissions(self) -> bool:
        """Whether the list of permissions says anything: not for a key that was never let so far."""
        return any(line.outcome != "unchecked" for line in self.permissions)

    @property
    def asks_whose(self) -> bool:
        """Whether the merchant has to say that the account is theirs."""
        key = self.key
        return key.status == Status.PENDING and key.awaits_account_confirmation and key.quarantined_at is None

    @property
    def edit_link(self) -> str:
        """Stripe's page on which the key's permissions are edited."""
        return sentences.edit_link(self.key)


def draw(key: RestrictedKey, *, viewer: User, now: datetime) -> Portrait:
    """The portrait of `key` for `viewer` at the moment `now`."""
    checks = list(Validation.objects.checks().filter(key=key).order_by("-pk")[:8])
    open_check = next((one for one in checks if one.state in (State.WAITING, State.CLAIMED)), None)
    if open_check is None:
        # The last check may have ended after `key` was read: a page that waits for nothing must not show it as it was.
        key.refresh_from_db(from_queryset=RestrictedKey.objects.select_related("added_by", "replaced_by"))
    if is_anonymous(key):
        return _draw_rejected(as_shown(key, now), viewer, now)
    is_open = open_check is not None and (open_check.due_at <= now or open_check.is_withheld)
    pace = _pace(key, open_check, now)
    if open_check is not None:
        key.next_check_at = open_check.due_at  # it may have been put off since it was planned
    is_slow = is_open and open_check is not None and now - open_check.due_at > SLOW
    lines = _permission_lines(key, open_check if is_open else None)
    notices = weather.told_first(_notices(key, is_open, now), key, open_check, now)
    return Portrait(
        key=key,
        pill=sentences.pill(key),
        headline=weather.headline(key, notices),
        notices=notices,
        permissions=lines,
        timeline=_timeline(key, viewer),
        pace=pace,
        is_slow=is_slow,
        version=_version(
            key, open_check, lines, f"{pace}{'-slow' if is_slow else ''}-{weather.mark(notices)}"
        ),
    )


def _notices(key: RestrictedKey, is_open: bool, now: datetime) -> list[Notice]:
    if is_open and key.status == Status.PENDING and key.quarantined_at is None:
        return []
    found = sentences.notices(key, now, endings.successor_of(key) if key.is_expiring else None)
    if key.is_asked_for_account:  # the page asks in a larger box
        found = [notice for notice in found if notice.title != PROBLEMS["account_unknown"][1]]
    restore = ledger.last_restore() if key.is_usable else None
    if restore is not None and (key.last_ok_at is None or key.last_ok_at < restore.restored_at):
        found.append(sentences.being_checked_again())
    return found


def is_anonymous(key: RestrictedKey) -> bool:
    """Whether it is a rejected key whose account never matched: nothing may be told about it."""
    return key.status == Status.REJECTED and not key.stripe_account_id and key.last_problem != "never_proven"


def as_shown(key: RestrictedKey, now: datetime) -> RestrictedKey:
    """The key as pages may show it: of an anonymous one only what its owner knew before, and that not at once.

    Every cause must look the same, or the form would tell which of a thief's keys are good for something.
    """
    if not is_anonymous(key):
        return key
    is_early = now - key.created_at < timedelta(seconds=settings.KEY_SHORTEST_CHECK_SECONDS)
    return RestrictedKey(
        pk=key.pk,
        merchant_id=key.merchant_id,
        livemode=key.livemode,
        purpose=key.purpose,
        last4=key.last4,
        created_at=key.created_at,
        added_by=key.added_by,
        status=Status.PENDING if is_early else Status.REJECTED,
        last_problem="" if is_early else "not_usable",
    )


def _draw_rejected(shown: RestrictedKey, viewer: User, now: datetime) -> Portrait:
    pasted = Moment(shown.created_at, "The key was pasted.", "", _who(shown.added_by, viewer))
    if shown.status == Status.PENDING:
        return Portrait(
            key=shown,
            pill=sentences.pill(shown),
            headline=sentences.headline(shown),
            notices=[],
            permissions=_lines_of(shown, {}, "waiting"),
            timeline=[pasted],
            pace="1s",
            version="early",
        )
    end = Moment(None, "Rejected", GENERIC_REJECTION, "the site", "danger")
    return Portrait(
        key=shown,
        pill=sentences.pill(shown),
        headline=sentences.headline(shown),
        notices=sentences.notices(shown, now),
        permissions=_lines_of(shown, {}, "unchecked"),
        timeline=[end, pasted],
        pace="",
        is_anonymous=True,
        version="rejected",
    )


def _pace(key: RestrictedKey, open_check: Validation | None, now: datetime) -> str:
    if not key.is_kept:
        return "5s" if ending_at_stripe.is_under_way(ending_at_stripe.of(key)) else ""
    if open_check is None:
        return _pace_of_countdown(key, now)
    if open_check.due_at <= now or open_check.is_withheld:
        return "1s"
    return "5s" if open_check.due_at - now <= SOON else _pace_of_countdown(key, now)


def _pace_of_countdown(key: RestrictedKey, now: datetime) -> str:
    """How often "in 2 days" is looked at again, while it counts down."""
    return "60s" if key.is_expiring and key.expires_at is not None and key.expires_at > now else ""


def _version(key: RestrictedKey, check: Validation | None, lines: list[PermissionLine], pace: str) -> str:
    """Changes whenever something on the page does, so that a poll without news needs no new page."""
    parts = [key.status, key.last_problem, pace, "".join(line.outcome[:3] for line in lines)]
    parts += [
        f"{check.pk}.{_is_being_worked_on(check)}" if check else "",
        f"{key.last_checked_at or ''}",
        f"{key.suspended_at or ''}",
        f"{key.quarantined_at or ''}",
        f"{key.last_ok_at or ''}",
    ]
    parts += [f"{key.awaits_account_confirmation}.{key.awaits_account_id}.{key.account_is_claimed}"]
    parts += [f"{key.rotated_at or ''}", f"{key.expires_at or ''}"]
    return "-".join(part.replace(" ", "") for part in parts)


def _is_being_worked_on(check: Validation) -> bool:
    """Whether Stripe is being asked; a check that is withheld looks so until it may show."""
    return check.state == State.CLAIMED or check.is_withheld


# --- Permissions -----------------------------------------------------------------------------------------------------


def _permission_lines(key: RestrictedKey, open_check: Validation | None) -> list[PermissionLine]:
    checks = PermissionCheck.objects.filter(key=key)
    if open_check is not None:
        rest = "checking" if _is_being_worked_on(open_check) else "waiting"
        outcomes = dict(checks.filter(validation=open_check).values_list("permission", "outcome"))
        return _lines_of(key, outcomes, rest)
    return _lines_of(key, dict(checks.values_list("permission", "outcome")), "unchecked")


def _lines_of(key: RestrictedKey, outcomes: Mapping[str, str], rest: str) -> list[PermissionLine]:
    return [
        PermissionLine(one.label, one.access, one.purpose, outcome, _WORDS[outcome])
        for one in needs.of(key)
        for outcome in [outcomes.get(one.permission, rest)]
    ]


# --- Timeline --------------------------------------------------------------------------------------------------------


def _timeline(key: RestrictedKey, viewer: User) -> list[Moment]:
    colleagues = set(
        User.objects.filter(membership__merchant=key.merchant_id).values_list("email", flat=True)
    )
    return [_moment(change, viewer, colleagues) for change in key.status_changes.all()[:50]]


def _moment(change: StatusChange, viewer: User, colleagues: set[str]) -> Moment:
    if change.actor == viewer.email:
        who = "you"
    elif "@" not in change.actor or change.actor in colleagues:
        who = change.actor
    else:
        who = ""  # staff, or somebody who has left: no business of the merchant's
    moved = change.from_status != change.to_status
    word = RestrictedKey.Status(change.to_status).label
    tone = _TONES.get(Status(change.to_status), "") if moved else ""
    return Moment(change.at, word if moved else change.reason, change.reason if moved else "", who, tone)


def _who(user: User | None, viewer: User) -> str:
    if user is None:
        return ""
    return "you" if user.pk == viewer.pk else user.email
