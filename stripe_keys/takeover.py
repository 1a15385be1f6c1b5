"""Which key serves: a proven key takes over from the one before it, and merchants are told when a key stops serving."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.notices import tell
from stripe_keys import lifecycle, permissions
from stripe_keys.account_names import short_account
from stripe_keys.models import PermissionCheck, RestrictedKey, Validation

Status = RestrictedKey.Status


def settle_status(key: RestrictedKey, *, missing: list[str], unclear: Sequence[str] = ()) -> str:
    """Move `key`, which Stripe accepts, to what its permissions allow; the caller holds its lock.

    A pending key takes over from the usable key of the same merchant, mode and purpose, which serves until then. A new
    key that can do less than an active one does not take over: it waits, and the old one goes on serving.

    Stripe's answers about `unclear` permissions prove nothing: they make no key active, and take nothing from one
    that is.

    Returns:
        The key's status, or `waits` for a key that does not take over yet.
    """
    is_proven = not missing and (not unclear or key.status == Status.ACTIVE)
    to = Status.ACTIVE if is_proven else Status.LIMITED
    lacks = ", ".join(permissions.words_for(name) for name in missing)
    if missing:
        reason = f"Stripe accepts it, without: {lacks}."
    elif to == Status.LIMITED:
        reason = "Stripe accepts it, and was not clear about every permission."
    else:
        reason = "Stripe accepts it, with every permission."
    if key.status == Status.PENDING:
        return _take_over(key, to, reason)
    if key.status != to:
        was_active = key.status == Status.ACTIVE
        lifecycle.move(key, to, actor="Stripe", reason=reason)
        if was_active:
            _tell_limited(key, missing)
    return to


def _take_over(key: RestrictedKey, to: str, reason: str) -> str:
    old = (
        RestrictedKey.objects.usable()
        .select_for_update(of=("self",))
        .filter(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)
        .first()
    )
    if old is not None and old.stripe_account_id != key.stripe_account_id:
        theirs, ours = short_account(key.stripe_account_id), short_account(old.stripe_account_id)
        why = f"It belongs to {theirs}, and the key in use to {ours}."
        lifecycle.move(key, Status.REJECTED, actor="the site", reason=why, last_problem="other_account")
        return Status.REJECTED
    if old is not None and key.suspended_at is not None:
        return "waits"  # it could not serve; lifting the suspension has it checked again
    if old is not None and to == Status.LIMITED and old.status == Status.ACTIVE:
        RestrictedKey.objects.filter(pk=key.pk).update(last_problem="less_than_the_old_key")
        return "waits"
    if old is not None:
        lifecycle.move(
            old,
            Status.REPLACED,
            actor="the site",
            reason=f"The key ending in {key.last4} took over.",
            replaced_by=key,
        )
    lifecycle.move(key, to, actor="Stripe", reason=reason)
    return to


def after_the_end(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that `key` is dead, and give a waiting successor its chance."""
    _tell(key, "expired", f"expired:{key.pk}")
    let_the_next_try(key, now)


def let_the_next_try(key: RestrictedKey, now: datetime) -> None:
    """Give a key that waits behind `key`, which has ended, its chance."""
    for waiting in RestrictedKey.objects.filter(
        merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose, status=Status.PENDING
    ):
        lifecycle.request_validation(waiting, reason=Validation.Reason.EVENT, now=now)


def tell_other_account(key: RestrictedKey) -> None:
    """Tell the merchant that Stripe names another account for `key`, and that nobody uses it for now or any more."""
    _tell(key, "other_account", f"other_account:{key.pk}:{key.status}")


def tell_yielded(key: RestrictedKey) -> None:
    """Tell the merchant that the account that they had named for `key` is connected elsewhere, by Stripe's own word."""
    _tell(key, "yielded", f"yielded:{key.pk}")


def tell_rotated(key: RestrictedKey) -> None:
    """Tell the merchant that `key` was rotated at Stripe, when it dies as far as is known, and how to go on."""
    _tell(key, "rotated", f"rotated:{key.pk}:{key.successor_stripe_key_id}")


def tell_removed_after_uninstall(key: RestrictedKey) -> None:
    """Tell the merchant that the app was uninstalled and that we no longer hold the key."""
    _tell(key, "uninstalled", f"uninstalled:{key.pk}")


def tell_suspended(key: RestrictedKey) -> None:
    """Tell the merchant that support has suspended `key`."""
    _tell(key, "suspended", f"suspended:{key.pk}:{key.suspended_at:%Y%m%d%H%M%S}")


def tell_leaked(key: RestrictedKey) -> None:
    """Tell the merchant that a copy of `key` was found in the open; once per suspension, and once after the end."""
    _tell(key, "leaked", mark_of_leak_notice(key))


def mark_of_leak_notice(key: RestrictedKey) -> str:
    """By what the notice of `tell_leaked` is known."""
    is_suspended = key.is_kept and key.suspended_at
    return f"leaked:{key.pk}:{f'{key.suspended_at:%Y%m%d%H%M%S}' if is_suspended else key.status}"


def tell_unreadable(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that we can no longer read `key`, and that pasting it again helps."""
    _tell(key, "unreadable", f"unreadable:{key.pk}:{now:%Y%m%d%H%M%S}")


def _tell_limited(key: RestrictedKey, missing: list[str]) -> None:
    granted = PermissionCheck.objects.filter(key=key, outcome=PermissionCheck.Outcome.GRANTED)
    there = set(granted.values_list("permission", flat=True)) - set(missing)
    required = permissions.required()
    _tell(
        key,
        "limited",
        f"limited:{key.pk}:{'+'.join(missing)}"[:200],
        missing=[one for one in required if one.permission in missing],
        works=[one for one in required if one.permission in there],
        edit_url=permissions.edit_key_link(
            key.stripe_key_id, livemode=key.livemode, stripe_account_id=key.stripe_account_id
        ),
    )


def _tell(key: RestrictedKey, what: str, dedupe_key: str, **context: object) -> None:
    context |= {
        "key": key,
        "site_name": settings.SITE_NAME,
        "key_url": settings.SITE_URL + reverse("stripe_keys:key_detail", args=[key.pk]),
        "replace_url": settings.SITE_URL + reverse("stripe_keys:paste_key", args=[key.mode]),
    }
    subject = render_to_string(f"stripe_keys/mail/{what}_subject.txt", context).strip()
    body = render_to_string(f"stripe_keys/mail/{what}.txt", context)
    tell(merchant=key.merchant, subject=subject, body=body, dedupe_key=dedupe_key)
