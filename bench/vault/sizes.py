"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rounds and operations of the comparison; rows of the rotation."""

    rounds: int
    operations: int
    tenants: int
    calm_tenants: int  # of these, rotated before with nobody else there
    stored_keys: int
    readers: int
    batch: int


FULL = Sizes(
    rounds=30,
    operations=2000,
    tenants=100_000,
    calm_tenants=10_000,
    stored_keys=4000,
    readers=2,
    batch=500,
)
# Row by row: there must be a middle, of many commits, in which the command can be killed.
QUICK = Sizes(rounds=2, operations=50, tenants=400, calm_tenants=20, stored_keys=50, readers=1, batch=1)
