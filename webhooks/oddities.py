"""What ops are told about signed deliveries that are odd: once each, and never in the sender's words."""

from django.utils import timezone

from accounts.models import Notice
from accounts.notices import tell_ops
from webhooks.reading import Reading

MOST_A_DAY = 10  # of a kind and secret: whoever holds one could have ops buried in mails
_WHO = "Whoever sends such a thing holds one of the site's webhook signing secrets, or Stripe made a mistake."


def tell_of_conflict(reading: Reading, *, secret_name: str) -> None:
    """An event id came again with another content."""
    _tell_in_measure(
        "event-conflict",
        secret_name=secret_name,
        about=reading.event_id,
        more="More events came again with another content",
        subject="An event of Stripe's came again with another content",
        body=(
            f"Event {reading.event_id}, signed with the secret {secret_name!r}, is not what it was when it first"
            " came. The first content was kept; the other was neither kept nor acted on. The ops desk lists it under"
            f" Conflicting deliveries.\n\n{_WHO} If it goes on, roll that secret in the Stripe Dashboard."
        ),
    )


def tell_of_hidden_key(reading: Reading, *, secret_name: str) -> None:
    """An event had something in it that looks like a key."""
    whose = reading.stripe_account_id or "no account"
    _tell_in_measure(
        "event-with-key",
        secret_name=secret_name,
        about=f"{whose}:{reading.type}",
        more="More events had something in them that looks like a key",
        subject="An event of Stripe's had something in it that looks like a key",
        body=(
            f"Event {reading.event_id} ({reading.type}, {whose}) was stored with it hidden. Somebody may have put a"
            " key into a field that Stripe hands on, such as a name or a note: whoever owns the account should know,"
            " and roll the key. The event was not held up. Later events of this kind and account are not reported."
        ),
    )


def _tell_in_measure(kind: str, *, secret_name: str, about: str, more: str, subject: str, body: str) -> None:
    """Mail once of what it is `about`; beyond MOST_A_DAY (or a few at once), once a day that there is more."""
    now = timezone.now()
    beginning = f"{kind}:{secret_name}:"
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    told = Notice.objects.filter(dedupe_key__startswith=beginning, created_at__gte=midnight)
    if len(told.values_list("pk")[:MOST_A_DAY]) < MOST_A_DAY:
        tell_ops(subject=subject, body=body, dedupe_key=f"{beginning}{about}"[:200])
        return
    tell_ops(
        subject=more,
        body=(
            f"{MOST_A_DAY} mails today were about events signed with the secret {secret_name!r}; of this kind no more"
            " are sent until midnight UTC. The ops desk and the log have them all. If they are not honest, roll that"
            " secret in the Stripe Dashboard."
        ),
        dedupe_key=f"more-{kind}:{secret_name}:{now:%Y-%m-%d}",
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
