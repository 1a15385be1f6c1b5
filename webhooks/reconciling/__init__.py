"""The search for what never reached us: what Stripe lists is compared with what is here.

A run is a `Reconciliation` row, worked on in short turns by whoever has it; where it stands is saved after each round,
so that a run outlives its worker. `runs` begins and drives it, `accounts` knows whom it is about, and `events`,
`installs` and `keys` are its phases.
"""

from webhooks.reconciling.runs import Options, begin, begin_regular_run, gave_up, open_run, process
from webhooks.reconciling.turns import following

__all__ = ["Options", "begin", "begin_regular_run", "following", "gave_up", "open_run", "process"]
