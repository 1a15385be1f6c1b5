"""What ops are told about signed deliveries that are odd: once each, and never in the sender's words."""

from django.utils import timezone

from accounts.notices import tell_ops
from webhooks.reading import Reading

_WHO = "Whoever sends such a thing holds one of the site's webhook signing secrets, or Stripe made a mistake."


def tell_of_conflict(reading: Reading, *, secret_name: str) -> None:
    """An event id came again with another content."""
    tell_ops(
        subject="An event of Stripe's came again with another content",
        body=(
            f"Event {reading.event_id}, signed with the secret {secret_name!r}, is not what it was when it first"
            " came. The first content was kept; the other was neither kept nor acted on. The ops desk lists it under"
            f" Conflicting deliveries.\n\n{_WHO} If it goes on, roll that secret in the Stripe Dashboard."
        ),
        dedupe_key=f"event-conflict:{reading.event_id}"[:200],
    )


def tell_of_hidden_key(reading: Reading) -> None:
    """An event had something in it that looks like a key."""
    whose = reading.stripe_account_id or "no account"
    tell_ops(
        subject="An event of Stripe's had something in it that looks like a key",
        body=(
            f"Event {reading.event_id} ({reading.type}, {whose}) was stored with it hidden. Somebody may have put a"
            " key into a field that Stripe hands on, such as a name or a note: whoever owns the account should know,"
            " and roll the key. The event was not held up. Later events of this kind and account are not reported."
        ),
        dedupe_key=f"event-with-key:{whose}:{reading.type}"[:200],
    )


def tell_of_unusable(problem: str, *, secret_name: str) -> None:
    """A signed delivery could not be used; told once a day, since Stripe tries for days."""
    tell_ops(
        subject="Stripe signed a delivery that the site cannot use",
        body=(
            f"A delivery signed with the secret {secret_name!r} was refused: {problem}. Stripe tries it again for"
            f" days; nothing was kept of it.\n\n{_WHO} The log has a line for each; there is one mail a day."
        ),
        dedupe_key=f"event-unusable:{timezone.now():%Y-%m-%d}",
    )


def tell_of_odd_context(reading: Reading) -> None:
    """An event's context is no path of plain ids, so it was kept in the body alone; told once a day."""
    tell_ops(
        subject="An event of Stripe's has a context that is no path of ids",
        body=(
            f"Event {reading.event_id} was kept, but which account it is about was not taken from it. If this goes"
            " on, Stripe has changed the form of contexts, and the site needs to learn it."
        ),
        dedupe_key=f"event-odd-context:{timezone.now():%Y-%m-%d}",
    )
