"""What all drills together have found; the last line of `make drills` says it."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counted over every drill of this run, whether it went well or not."""

    scenarios: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    lost: int = 0
    applied_twice: int = 0

    def add(self, *, lost: int, applied_twice: int) -> None:
        """Add what one count has found."""
        self.lost += lost
        self.applied_twice += applied_twice

    def __str__(self) -> str:
        return (
            f"drills: scenarios={len(self.scenarios)} failed={len(self.failed)}"
            f" lost={self.lost} applied_twice={self.applied_twice}"
        )


tally = Tally()
