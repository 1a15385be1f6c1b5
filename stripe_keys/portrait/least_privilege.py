"""How a key's rights compare with what the app needs and uses: too few, too many, never used.

Nothing is told of a key that was never proven to be the merchant's: `may_be_shown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stripe_keys import catalogue, key_usage, needs, sentences, survey_rows, surveys
from stripe_keys.key_usage import Usage
from stripe_keys.models import PermissionCheck, RestrictedKey, Validation
from stripe_keys.surveys import blind_spots
from stripe_keys.surveys.blind_spots import BlindSpot

Outcome = PermissionCheck.Outcome
_ORDER = {Outcome.MISSING: 0, Outcome.UNKNOWN: 1, "": 2, Outcome.GRANTED: 3}
_WORDS = {
    Outcome.GRANTED: "Granted",
    Outcome.MISSING: "Missing",
    Outcome.UNKNOWN: "Could not be checked",
    "": "Not checked",
}


@dataclass(frozen=True)
class Need:
    """One permission that the app asks for, and what is known of it."""

    permission: str
    label: str
    access: str
    purpose: str
    outcome: str

    @property
    def word(self) -> str:
        """The outcome in a word."""
        return _WORDS[self.outcome]

    @property
    def css(self) -> str:
        """The outcome as the style sheet names it."""
        return self.outcome or "unchecked"


@dataclass(frozen=True)
class Excess:
    """One row of Stripe's screen that is set to `read` or `write` though nobody needs it; write includes read."""

    label: str
    access: str
    is_half_seen: bool = False
    """Whether it may be set to `write` as well: that could not be looked at."""


@dataclass(frozen=True)
class Section:
    """One part of Stripe's screen, with what is in excess there."""

    title: str
    resources: tuple[Excess, ...]


@dataclass(frozen=True)
class Report:
    """Everything on the report about one key."""

    key: RestrictedKey
    needs: tuple[Need, ...]
    beyond: tuple[Section, ...]
    unseen: tuple[BlindSpot, ...]
    asked_beyond: int
    unclear_beyond: int
    unfinished: bool
    is_surveying: bool
    usage: Usage

    @property
    def granted(self) -> int:
        """How many of the needed permissions the key has."""
        return sum(one.outcome == Outcome.GRANTED for one in self.needs)

    @property
    def missing(self) -> list[Need]:
        """Those that Stripe says it lacks."""
        return [one for one in self.needs if one.outcome == Outcome.MISSING]

    @property
    def excess(self) -> int:
        """How many rows of Stripe's screen are in excess."""
        return sum(len(section.resources) for section in self.beyond)

    @property
    def writable_excess(self) -> int:
        """How many of them are set to `write`."""
        return sum(one.access == "write" for section in self.beyond for one in section.resources)

    @property
    def is_stale(self) -> bool:
        """Whether the key's permissions were changed since the last look."""
        return self.key.permissions_changed_at is not None

    @property
    def is_current(self) -> bool:
        """Whether the last look still says what the key can do, as far as anybody knows."""
        return self.key.last_surveyed_at is not None and not (self.is_stale or self.is_surveying)

    @property
    def half_seen(self) -> list[BlindSpot]:
        """Of what one right is looked at, and the other is not."""
        return [one for one in self.unseen if one.is_half]

    @property
    def never_seen(self) -> list[BlindSpot]:
        """What is not looked at at all."""
        return [one for one in self.unseen if not one.is_half]

    @property
    def may_look(self) -> bool:
        """Whether what is beyond may be looked for."""
        return survey_rows.is_open_to(self.key)

    @property
    def questions(self) -> int:
        """About how many permissions a survey asks."""
        return len(surveys.questions(self.key))

    @property
    def unused(self) -> list[Need]:
        """What was granted and never used since `usage.since`; nothing where no call was ever counted.

        Our checks, which are not counted, use the permission that says whose a key is.
        """
        if self.usage.since is None:
            return []
        used = self.usage.permissions | {catalogue.WHOSE.permission}
        return [one for one in self.needs if one.outcome == Outcome.GRANTED and one.permission not in used]

    @property
    def edit_link(self) -> str:
        """Stripe's page on which the key's permissions are edited."""
        return sentences.edit_link(self.key)


def may_be_shown(key: RestrictedKey) -> bool:
    """Whether the merchant may learn what `key` can do: only once Stripe has proven it to be of their account."""
    return key.status in key.USABLE or (not key.is_kept and key.last_ok_at is not None)


def draw(key: RestrictedKey, *, now: datetime) -> Report:
    """The report about `key` at the moment `now`."""
    known = dict(PermissionCheck.objects.filter(key=key).values_list("permission", "outcome"))
    needed = [
        Need(one.permission, one.label, one.access, one.purpose, known.get(one.permission, ""))
        for one in needs.of(key)
    ]
    asked = {probe.permission for probe in surveys.questions(key)} & set(known)
    latest = Validation.objects.surveys().filter(key=key).order_by("-pk").first()
    unseen = blind_spots.blind_spots(key)
    return Report(
        key=key,
        needs=tuple(sorted(needed, key=lambda one: _ORDER[one.outcome])),
        unseen=tuple(unseen),
        beyond=_beyond({name for name in asked if known[name] == Outcome.GRANTED}, unseen),
        asked_beyond=len(asked),
        unclear_beyond=sum(known[name] == Outcome.UNKNOWN for name in asked),
        unfinished=latest is not None and latest.verdict == surveys.UNFINISHED,
        is_surveying=survey_rows.is_open(key),
        usage=key_usage.of(key, now),
    )


def _beyond(granted: set[str], unseen: Sequence[BlindSpot]) -> tuple[Section, ...]:
    """What is in excess, as Stripe's screen arranges it."""
    unseen_writes = {one.label for one in unseen if one.access == "write"}
    sections: dict[str, dict[str, str]] = {}
    for name, probe in catalogue.PROBES.items():
        if name in granted:
            rows = sections.setdefault(probe.section, {})
            rows[probe.label] = max(rows.get(probe.label, ""), probe.access)  # "write" comes after "read"
    return tuple(
        Section(title, tuple(Excess(*row, is_half_seen=row[0] in unseen_writes) for row in rows.items()))
        for title, rows in sections.items()
    )
