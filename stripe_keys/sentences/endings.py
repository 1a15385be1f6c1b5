"""What the pages say of a key that will end, or that ended with the app: the other words are in `sentences`."""

from datetime import datetime

from stripe_keys import endings, uninstalls
from stripe_keys.endings import countdown, written
from stripe_keys.models import RestrictedKey

Words = tuple[str, str, str]
_COPY = "Copy the new key on the app’s settings page in Stripe and paste it here; until then the old one"
_GO_ON = "To go on, install the app again first, then paste its key. If you meant it, nothing is left to do."
_ASKING = "we are asking Stripe about it."
# True before Stripe has answered, after it has, and while support has suspended the key.
SAID_TO_BE_GONE: Words = (
    "warning",
    "We were told that the app was uninstalled in Stripe",
    (
        "This key stays here for as long as Stripe accepts it. If the app is still installed, there is nothing to do. "
        "If you uninstalled it by mistake, install it again; if you meant it, remove the key here and expire it in "
        "Stripe."
    ),
)


def of(key: RestrictedKey, successor: RestrictedKey | None, now: datetime) -> Words:
    """Tone, title and text of the end of `key` that Stripe has announced."""
    tone, title, ends, is_past = "warning", _title(key, now), _when(key, now), _is_past(key, now)
    if successor is None:
        if key.rotated_at is not None:
            rest = "may stop any moment." if is_past else "serves."
            return tone, title, f"Stripe has made a new key in its place. {ends} {_COPY} {rest}"
        if is_past:
            return tone, title, f"{ends} Create a new key in Stripe and paste it here."
        return tone, title, f"{ends} Rotate it in Stripe, or create a new key, and paste that here before."
    name = f"The key ending in {successor.last4}"
    if endings.takes_over_at_the_end(successor):
        then = "as soon as Stripe ends this one" if is_past else "then"
        return (
            "info",
            title,
            f"{ends} {name} takes over {then}. It can do less: its page says what is missing.",
        )
    if endings.asks_its_merchant(successor):
        return tone, title, f"{ends} {name} was pasted, but is not in use yet: something about it needs you."
    return "info", title, f"{ends} {name} is being checked, and takes over as soon as it is proven."


def _title(key: RestrictedKey, now: datetime) -> str:
    if key.rotated_at is None:
        if _is_past(key, now):
            return "This key should have expired"
        return f"This key expires {countdown(key.expires_at, now)}" if key.expires_at else "This key expires"
    title = "This key was rotated in Stripe"
    if key.expires_at is None:
        return title
    if _is_past(key, now):
        return f"{title} and should have stopped working"
    return f"{title} and stops working {countdown(key.expires_at, now)}"


def _when(key: RestrictedKey, now: datetime) -> str:
    old = "The old one" if key.rotated_at else "It"
    if key.expires_at is not None:
        if _is_past(key, now):
            return f"{old} was to stop working on {written(key.expires_at)}; {_ASKING}"
        return f"{old} stops working on {written(key.expires_at)}."
    latest = _latest_end(key, now)
    unknown = "Stripe did not say when the old one stops working;"
    if _is_past(key, now):
        return f"{unknown} by {written(latest)} at the latest it was to; {_ASKING}"
    return f"{unknown} at most 7 days after the rotation, that is by {written(latest)}."


def _is_past(key: RestrictedKey, now: datetime) -> bool:
    """Whether Stripe still takes the key, as far as we know, though its time is over."""
    return (key.expires_at or _latest_end(key, now)) <= now


def _latest_end(key: RestrictedKey, now: datetime) -> datetime:
    # No rotation lies ahead, whatever was reported.
    return min(key.rotated_at or now, now) + endings.LONGEST_OVERLAP


def of_the_app(key: RestrictedKey) -> Words | None:
    """Tone, title and text where the app was uninstalled, of a key that serves on or has ended with it."""
    if uninstalls.is_kept_without_the_app(key):
        return (
            "warning",
            "The app was uninstalled in Stripe",
            (
                "Stripe still accepts this key, so we go on with it. Install the app again if that was a mistake: the "
                "key stays the same. If you meant it, remove the key here and expire it in Stripe."
            ),
        )
    if uninstalls.is_said_to_be_gone(key):
        return SAID_TO_BE_GONE
    if key.is_kept or key.last_problem not in (uninstalls.LEFT, uninstalls.CAME_BACK):
        return None
    if key.last_problem == uninstalls.CAME_BACK:
        return (
            "warning",
            "The app is installed again",
            "This key ended when it was uninstalled. Copy its key from the app’s settings page in Stripe and paste it.",
        )
    return (
        "warning",
        "The app was uninstalled in Stripe",
        f"{_erased(key)} {_GO_ON}",
    )


def _erased(key: RestrictedKey) -> str:
    if key.status == RestrictedKey.Status.EXPIRED:
        return "Stripe has confirmed that the key no longer works, and we have erased it."
    return (
        "We have erased this key, as the app is not installed any more. Should you have kept it in Stripe, it works "
        "there until you expire it."
    )
