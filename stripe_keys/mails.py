"""What merchants are told about their keys by mail: what happened, when, and what to do.

Each is told once, by its dedupe key, which names the very occasion. Trouble that may come and go is told once a day at
most. What no longer matters when a key ends is taken back before it is sent (`lifecycle.erase`).
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.notices import take_back, tell, tell_at_most_daily
from stripe_keys import endings, needs, permissions, purpose_addresses, purposes
from stripe_keys.models import PermissionCheck, RestrictedKey

# A check that is under way may show within this time that there is graver news; then only that is sent.
UNTIL_CHECKED = timedelta(seconds=10)
UNTIL_PROVEN = timedelta(minutes=1)
# Within this time the app has put another key in the place of its own, or something is wrong.
UNTIL_RENEWED = timedelta(minutes=15)
_LAST_FEW = 10


def tell_rotated(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that `key` was rotated at Stripe, when it dies as far as is known, and how to go on.

    Not at this very moment if the key may be dead already, or if its successor is being checked just now: what comes of
    that may be all there is to say.
    """
    delay = timedelta()
    if key.expires_at is None or key.expires_at <= now:
        delay = UNTIL_CHECKED
    successor = endings.successor_of(key)
    if successor is not None and not endings.asks_its_merchant(successor):
        delay = UNTIL_PROVEN
    _tell(key, "rotated", f"rotated:{key.pk}:{key.successor_stripe_key_id}", now=now, delay=delay)


def tell_ending(key: RestrictedKey, *, mark: str, successor: RestrictedKey | None, now: datetime) -> None:
    """Remind the merchant that `key` ends at its `expires_at`; once per `mark`; older reminders that wait go."""
    end = key.expires_at or now
    take_back(f"ending:{key.pk}:")
    _tell(
        key,
        "ending",
        f"ending:{key.pk}:{end.astimezone(UTC):%Y%m%d%H%M%S}:{mark}",
        now=now,
        countdown=endings.countdown(end, now),
        successor_last4=successor.last4 if successor else "",
        successor_url=_page_of(successor) if successor else "",
    )


def tell_expired(
    key: RestrictedKey, *, successor: RestrictedKey | None, is_uninstalled: bool, now: datetime
) -> None:
    """Tell the merchant that `key` is dead, why as far as is known, and what takes its place.

    Where the app makes another by itself, that is told only if it takes long (`take_back_ends_before`).
    """
    takes_over = successor is not None and endings.takes_over_at_the_end(successor)
    _tell(
        key,
        "expired",
        f"expired:{key.pk}",
        now=now,
        delay=UNTIL_RENEWED if endings.is_renewed(key) and not is_uninstalled else timedelta(),
        successor_last4=successor.last4 if successor and takes_over else "",
        is_uninstalled=is_uninstalled,
    )


def take_back_ends_before(key: RestrictedKey) -> None:
    """`key`, which the app made, serves now: what waits to be told of those before it is of no use any more."""
    before = RestrictedKey.objects.filter(
        merchant=key.merchant_id,
        livemode=key.livemode,
        purpose=key.purpose,
        status=RestrictedKey.Status.EXPIRED,
        managed_by=RestrictedKey.ManagedBy.APP,
    )
    marks = [
        f"expired:{pk}" for pk in before.order_by("-created_at").values_list("pk", flat=True)[:_LAST_FEW]
    ]
    if marks:
        take_back(*marks)


def tell_limited(key: RestrictedKey, missing: list[str], now: datetime) -> None:
    """Tell the merchant what `key` lacks, what therefore does not work and what does."""
    granted = PermissionCheck.objects.filter(key=key, outcome=PermissionCheck.Outcome.GRANTED)
    there = set(granted.values_list("permission", flat=True)) - set(missing)
    required = needs.of(key)
    _tell_at_most_daily(
        key,
        "limited",
        f"limited:{key.pk}:{'+'.join(missing)}",
        now,
        missing=[one for one in required if one.permission in missing],
        works=[one for one in required if one.permission in there],
        edit_url=permissions.edit_key_link(
            key.stripe_key_id, livemode=key.livemode, stripe_account_id=key.stripe_account_id
        ),
    )


def take_back_limited(key: RestrictedKey) -> None:
    """`key` has every permission again: what waits to be told of missing ones is not sent."""
    take_back(f"limited:{key.pk}:")


def tell_other_account(key: RestrictedKey) -> None:
    """Tell the merchant that Stripe names another account for `key`, and that nobody uses it for now or any more."""
    _tell(key, "other_account", f"other_account:{key.pk}:{_occasion(key)}")


def tell_yielded(key: RestrictedKey) -> None:
    """Tell the merchant that the account that they had named for `key` is connected elsewhere, by Stripe's own word."""
    _tell(key, "yielded", f"yielded:{key.pk}")


def tell_removed_after_uninstall(key: RestrictedKey) -> None:
    """Tell the merchant that the app was uninstalled and that we no longer hold the key."""
    _tell(key, "uninstalled", f"uninstalled:{key.pk}")


def tell_kept_after_uninstall(key: RestrictedKey, reported_at: datetime, now: datetime) -> None:
    """Tell the merchant that the app was uninstalled, and that we go on with the key while Stripe accepts it.

    Not before it was checked: if it has ended, that is what they are told.
    """
    occasion = f"{reported_at.astimezone(UTC):%Y%m%d%H%M%S}"
    _tell(key, "uninstalled_kept", f"uninstalled:{key.pk}:{occasion}", now=now, delay=UNTIL_CHECKED)


def tell_installed_again(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that the app is back on the account of `key`, which has ended, and that a key is wanted."""
    _tell_at_most_daily(key, "installed_again", f"installed_again:{key.pk}", now)


def tell_suspended(key: RestrictedKey) -> None:
    """Tell the merchant that support has suspended `key`."""
    _tell(key, "suspended", f"suspended:{key.pk}:{_occasion(key)}")


def tell_resumed(key: RestrictedKey, suspended_at: datetime) -> None:
    """Tell the merchant that support has lifted the suspension of `key` that began at `suspended_at`."""
    take_back(f"suspended:{key.pk}:")
    _tell(key, "resumed", f"resumed:{key.pk}:{suspended_at:%Y%m%d%H%M%S}")


def tell_leaked(key: RestrictedKey) -> None:
    """Tell the merchant that a copy of `key` was found in the open; once per suspension, and once after the end."""
    _tell(key, "leaked", mark_of_leak_notice(key))


def mark_of_leak_notice(key: RestrictedKey) -> str:
    """By what the notice of `tell_leaked` is known."""
    return f"leaked:{key.pk}:{_occasion(key)}"


def tell_unreadable(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that we can no longer read `key`, and that pasting it again helps.

    Where the app makes another by itself, that is told only if it takes long.
    """
    if endings.is_renewed(key):
        _tell(key, "unreadable", f"unreadable:{key.pk}:renewed", now=now, delay=UNTIL_RENEWED)
        return
    _tell_at_most_daily(key, "unreadable", f"unreadable:{key.pk}:", now)


def take_back_unreadable(key: RestrictedKey) -> None:
    """`key` opens again: what waits to be told of that is not sent."""
    take_back(f"unreadable:{key.pk}:")


def _occasion(key: RestrictedKey) -> str:
    """The suspension that `key` is under, or else its status, which an ended key has for good."""
    return f"{key.suspended_at:%Y%m%d%H%M%S}" if key.is_kept and key.suspended_at else key.status


def _page_of(key: RestrictedKey) -> str:
    return str(settings.SITE_URL) + reverse("stripe_keys:key_detail", args=[key.pk])


def _place_in_stripe(key: RestrictedKey) -> str:
    """Where its merchant finds another: of the default purpose with the app, of others where they made it."""
    is_apps = key.purpose == purposes.DEFAULT_PURPOSE
    return "the app's settings in Stripe" if is_apps else "the API keys in Stripe's Dashboard"


def _written(key: RestrictedKey, what: str, context: dict[str, object]) -> dict[str, str]:
    place = _place_in_stripe(key)
    press = ', press "View API keys"' if key.purpose == purposes.DEFAULT_PURPOSE else ""
    context |= {
        "key": key,
        "place_in_stripe": place,
        "in_stripe": f"open {place}{press}",
        "is_renewed": endings.is_renewed(key),
        "why_not_renewed": endings.why_not_renewed(key),
        "site_name": settings.SITE_NAME,
        "key_url": _page_of(key),
        "replace_url": settings.SITE_URL + purpose_addresses.of_bringing_another(key),
        "install_url": settings.SITE_URL + reverse("stripe_keys:connect", args=[key.mode]),
        "successor_page_url": settings.SITE_URL + reverse("stripe_keys:replace_key", args=[key.pk]),
    }
    subject = render_to_string(f"stripe_keys/mail/{what}_subject.txt", context).strip()
    body = str(render_to_string(f"stripe_keys/mail/{what}.txt", context))
    if purpose := purposes.told(key.purpose):
        body = f"{body}\n\nWhat this key is used for: {purpose}. Each purpose has a key of its own."
    return {"subject": subject, "body": body}


def _tell(
    key: RestrictedKey,
    what: str,
    dedupe_key: str,
    *,
    now: datetime | None = None,
    delay: timedelta = timedelta(),
    **context: object,
) -> None:
    words = _written(key, what, context)
    tell(merchant=key.merchant, dedupe_key=dedupe_key, now=now, delay=delay, **words)


def _tell_at_most_daily(key: RestrictedKey, what: str, about: str, now: datetime, **context: object) -> None:
    tell_at_most_daily(merchant=key.merchant, about=about, now=now, **_written(key, what, context))
