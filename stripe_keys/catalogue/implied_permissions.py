"""Which permissions come along with others at Stripe, so that nobody is asked to take away what cannot be taken away.

Source: https://docs.stripe.com/stripe-apps/reference/permissions, which speaks of resources; taken here to mean the
right to read (`docs/stripe-assumptions.md`).
"""

from collections.abc import Iterable

_COME_ALONG = {
    "balance_transaction_source": ("application_fee", "balance", "transfer"),
    "checkout_session": ("mandate", "payment_intent", "payment_links", "product", "setup_intent", "sku"),
    "credit_note": ("invoice",),
    "customer": ("billing_clock",),
    "invoice": ("credit_note",),
    "payment_intent": ("product", "sku"),
    "payment_links": ("mandate", "product", "sku"),
    "payment_method": ("source",),
    "quote": ("product", "sku"),
    "setup_intent": ("mandate",),
    "transfer": ("payout",),
}


def included_in(held: Iterable[str]) -> frozenset[str]:
    """`held`, and every permission that a key with these has whether anybody wants it or not."""
    found: set[str] = set()
    to_follow = list(held)
    while to_follow:
        permission = to_follow.pop()
        if permission in found:
            continue
        found.add(permission)
        resource, _, access = permission.rpartition("_")
        if access == "write":
            to_follow.append(f"{resource}_read")
        to_follow += [f"{name}_read" for name in _COME_ALONG.get(resource, ())]
    return frozenset(found)
