"""What the partner's own systems are told of keys: signed webhooks in the form of Standard Webhooks.

`tell` and `tell_move` write rows in the caller's transaction; `stripe_keys.outgoing.delivery` sends them. Nothing is
written, and the database is not asked, while PARTNER_WEBHOOKS names no endpoint.
"""

from stripe_keys.outgoing.messages import (
    EXPIRING,
    RESUMED,
    SUSPENDED,
    UNREADABLE,
    tell,
    tell_ending,
    tell_move,
    tell_standing,
)

__all__ = [
    "EXPIRING",
    "RESUMED",
    "SUSPENDED",
    "UNREADABLE",
    "tell",
    "tell_ending",
    "tell_move",
    "tell_standing",
]
