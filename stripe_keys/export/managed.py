"""The part of a merchant's timeline that tells of keys which the app made: who chose it, each key made, each ended."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.models import Merchant, User
from stripe_keys.models import KeyManagement, Minting, PublishableKey, Retirement

Row = dict[str, Any]
Called = Callable[[str | None], str]
_ROWS_AT_ONCE = 500


def lists(merchant: Merchant, called: Called) -> tuple[tuple[str, Iterator[Row]], ...]:
    """Each list with its name; `called` says how a person is named."""
    return (
        ("key_managements", _managements(merchant, called)),
        ("keys_made", _keys_made(merchant, called)),
        ("keys_ended", _keys_ended(merchant)),
        ("publishable_keys", _publishable_keys(merchant)),
    )


def _each(rows: QuerySet[Any], made: Callable[[Any], Row]) -> Iterator[Row]:
    return map(made, rows.order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE))


def _mode(livemode: bool) -> str:
    return "live" if livemode else "test"


def _email(user: User | None) -> str:
    return user.email if user else ""


def _managements(merchant: Merchant, called: Called) -> Iterator[Row]:
    return _each(
        KeyManagement.objects.filter(merchant=merchant).select_related("chosen_by"),
        lambda one: {
            "mode": _mode(one.livemode),
            "purpose": one.purpose,
            "stripe_account_id": one.stripe_account_id,
            "keys_come_from": "app" if one.is_on else "merchant",
            "chosen_at": one.chosen_at,
            "chosen_by": called(_email(one.chosen_by)),
            "next_renewal_at": one.next_rotation_at,
            "problem": one.problem,
        },
    )


def _keys_made(merchant: Merchant, called: Called) -> Iterator[Row]:
    """Without what was asked for and what was delivered: the first holds nothing of theirs, the second is gone."""
    rows = Minting.objects.filter(management__merchant=merchant).select_related("management", "requested_by")
    return _each(
        rows.defer("body", "delivery_key", "delivered"),
        lambda one: {
            "key": one.key_id,
            "stripe_key_id": one.stripe_key_id,
            "mode": one.management.mode,
            "purpose": one.management.purpose,
            "reason": one.reason,
            "asked_at": one.created_at,
            "asked_by": called(_email(one.requested_by)),
            "state": one.state,
            "finished_at": one.finished_at,
            "outcome": one.outcome,
        },
    )


def _keys_ended(merchant: Merchant) -> Iterator[Row]:
    return _each(
        Retirement.objects.filter(merchant=merchant).defer("sealed"),
        lambda one: {
            "key": one.key_id,
            "stripe_key_id": one.stripe_key_id,
            "stripe_account_id": one.stripe_account_id,
            "mode": _mode(one.livemode),
            "cause": one.cause,
            "asked_at": one.created_at,
            "ended_at_stripe_at": one.expired_at,
            "seen_refused_at": one.refused_at,
            "state": one.state,
            "outcome": one.outcome,
        },
    )


def _publishable_keys(merchant: Merchant) -> Iterator[Row]:
    return _each(
        PublishableKey.objects.filter(merchant=merchant),
        lambda one: {
            "mode": _mode(one.livemode),
            "stripe_account_id": one.stripe_account_id,
            "stripe_key_id": one.stripe_key_id,
            "text": one.text,
            "made_at": one.created_at,
        },
    )
