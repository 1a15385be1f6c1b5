"""The tables of the inbox: what Stripe told us, what was odd about it, and how the gaps in it are found."""

from webhooks.models.events import EventNotification
from webhooks.models.reconciliation import AccountCursor, Reconciliation
from webhooks.models.records import ConflictingDelivery, EventReplay, SigningSecretUse

__all__ = [
    "AccountCursor",
    "ConflictingDelivery",
    "EventNotification",
    "EventReplay",
    "Reconciliation",
    "SigningSecretUse",
]
