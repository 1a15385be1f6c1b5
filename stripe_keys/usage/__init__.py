"""The usage ledger: what each key is used for, as daily counts of method, path template and outcome.

A call is noted in memory and written by a thread of its own, some seconds later and outside the caller's transaction:
what was asked of Stripe was asked, whatever became of the caller's work. Nothing else of a call is kept, here or in the
log: no id, no parameter, no body. A refusal has the key checked at once.
"""

from stripe_keys.usage.outcomes import outcome_of
from stripe_keys.usage.recorder import NotesCalls, flush, forget, note_taker
from stripe_keys.usage.rows import forget_old

__all__ = ["NotesCalls", "flush", "forget", "forget_old", "note_taker", "outcome_of"]
