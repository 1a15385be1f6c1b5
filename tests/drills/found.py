"""What a drill of the inbox has found, and how it is said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drills.audit import Row
from tests.drills.sender import Attempt, Sending


@dataclass(frozen=True)
class Span:
    """From one moment to another, in seconds since 1970."""

    began_at: float
    ended_at: float

    def meets(self, attempt: Attempt) -> bool:
        """Whether the attempt was under way at any moment of it."""
        return attempt.began_at < self.ended_at and attempt.ended_at > self.began_at


@dataclass
class Found:
    """Counted after a drill; the lists hold ids."""

    name: str
    sending: Sending
    rows: dict[str, Row]
    drained_seconds: float
    without_web: Sequence[Span] = ()
    doubled_effects: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> list[str]:
        """Events that Stripe believes delivered and we do not have, or that it could not deliver at all."""
        return [letter.event_id for letter in self.sending.letters if letter.event_id not in self.rows]

    @property
    def unfinished(self) -> dict[str, Row]:
        """Events that have no good end."""
        return {event: row for event, row in self.rows.items() if row.state != "done" or not row.outcome}

    @property
    def refused(self) -> list[str]:
        """Events that were never acknowledged, though they were tried again and again."""
        return [
            letter.event_id
            for letter in self.sending.letters
            if letter.event_id not in self.sending.acknowledged
        ]

    @property
    def twice(self) -> list[str]:
        """Events whose end was written more than once, and keys that show more effects than events."""
        return [event for event, row in self.rows.items() if row.ends > 1] + sorted(self.doubled_effects)

    @property
    def fair_answers(self) -> list[float]:
        """Seconds of each answer that a living web server gave, good or bad."""
        return sorted(
            attempt.seconds
            for attempt in self.sending.answers
            if not any(span.meets(attempt) for span in self.without_web)
        )

    @property
    def p99(self) -> float:
        """Seconds within which 99 of 100 answers came."""
        return percentile(self.fair_answers, 0.99)

    @property
    def slowest(self) -> float:
        """Seconds of the slowest answer."""
        return self.fair_answers[-1] if self.fair_answers else math.nan

    @property
    def unanswered(self) -> int:
        """Attempts that got no answer."""
        return sum(1 for attempt in self.sending.attempts if not attempt.status)

    def __str__(self) -> str:
        events = len({letter.event_id for letter in self.sending.letters})
        return (
            f"drill: {self.name}: events={events} deliveries={len(self.sending.letters)}"
            f" attempts={len(self.sending.attempts)} unanswered={self.unanswered}"
            f" not_2xx={sum(1 for each in self.sending.answers if each.status >= 300)}"
            f" lost={len(self.lost) + len(self.unfinished)} applied_twice={len(self.twice)}"
            f" p99_s={self.p99:.3f} max_s={self.slowest:.3f} drained_s={self.drained_seconds:.1f}"
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; they are in order."""
    return ordered[min(math.ceil(len(ordered) * share), len(ordered)) - 1] if ordered else math.nan
