"""The part of a merchant's timeline that tells of full-access keys which the merchant retires elsewhere."""

from collections.abc import Callable, Iterator
from typing import Any

from accounts.models import Merchant, User
from stripe_keys.models import SecretKeyMigration

_PLAIN = ("mode", "last4", "stripe_key_id", "retired_at", "proof", "proven_at", "event_id", "taken_back_at")
_ROWS_AT_ONCE = 500


def rows(merchant: Merchant, called: Callable[[str | None], str]) -> Iterator[dict[str, Any]]:
    """What is known of each, and who said so; `called` says how a person is named."""

    def who(user: User | None) -> str:
        return called(user.email if user else "")

    found = SecretKeyMigration.objects.filter(merchant=merchant).select_related("proven_by", "taken_back_by")
    for one in found.order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE):
        known = {name: getattr(one, name) for name in _PLAIN}
        people = {"proven_by": who(one.proven_by), "taken_back_by": who(one.taken_back_by)}
        yield {"begun_at": one.created_at, **known, **people}
