"""The audit of the vault: everything encrypted is opened, classed and forgotten again; no secret leaves the vault.

A `VaultAudit` row is the record, its cursor included: whoever dies in the middle is followed by whoever looks next, and
two who walk at once do the same work twice but count it once. `kinds` knows what there is, `walk` goes through it,
`alarm` says what came of it.
"""

from stripe_keys.audit.alarm import in_short, in_words, is_in_order, what_to_do
from stripe_keys.audit.kinds import Class, Kind, Stored, register
from stripe_keys.audit.walk import LISTED, Walk, advance_nightly, begin

__all__ = [
    "LISTED",
    "Class",
    "Kind",
    "Stored",
    "Walk",
    "advance_nightly",
    "begin",
    "in_short",
    "in_words",
    "is_in_order",
    "register",
    "what_to_do",
]
