"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of everything; seconds where the name says so."""

    rounds: int
    keys: int
    naive_keys: int
    pastes: int
    merchants: int
    within_seconds: tuple[float, ...]
    queued_rows: int
    slow_merchants: int
    slow_seconds: float
    regular_checks: int
    few_keys: int
    many_keys: int
    due_keys: int
    database_memory: str  # a million keys take more than a gigabyte


FULL = Sizes(
    rounds=5,
    keys=300,
    naive_keys=60,
    pastes=24,
    merchants=300,
    within_seconds=(15.0, 0.0),
    queued_rows=10_000,
    slow_merchants=50,
    slow_seconds=10.0,
    regular_checks=2000,
    few_keys=20_000,
    many_keys=1_000_000,
    due_keys=10_000,
    database_memory="1GB",
)
QUICK = Sizes(
    rounds=1,
    keys=12,
    naive_keys=4,
    pastes=2,
    merchants=20,
    within_seconds=(0.0,),
    queued_rows=200,
    slow_merchants=2,
    slow_seconds=1.0,
    regular_checks=200,
    few_keys=200,
    many_keys=1000,
    due_keys=100,
    database_memory="64MB",
)
