"""Rows of keys in any state, and their pages; how a key gets into a state is tested elsewhere."""

from datetime import timedelta
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys import permissions
from stripe_keys.models import PermissionCheck, RestrictedKey, StatusChange, Validation
from tests.people import merchant_of, some_letters

ACCOUNT = "acct_1RowOfATest1234"
ALL_GRANTED = {one.permission: "granted" for one in permissions.required()}


def a_key(user: User, status: str = "active", *, minutes_ago: float = 60, **fields: Any) -> RestrictedKey:
    """A key of `user`'s merchant with the first line of its history."""
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    key = RestrictedKey.objects.create(
        **{
            "merchant": merchant_of(user),
            "livemode": False,
            "status": status,
            "last4": some_letters(4),
            "fingerprint": some_letters(32).encode(),
            "fingerprint_key_id": "test",
            "added_by": user,
            "created_at": moment,
            "stripe_account_id": "" if status in ("pending", "rejected") else ACCOUNT,
        }
        | fields
    )
    StatusChange.objects.create(
        key=key, from_status=status, to_status=status, actor=user.email, reason="The key was pasted."
    )
    return key


def a_check(
    key: RestrictedKey,
    outcomes: dict[str, str],
    *,
    state: str = Validation.State.DONE,
    due_in: timedelta = timedelta(seconds=-1),
) -> Validation:
    """A check of `key` that has found out `outcomes`."""
    now = timezone.now()
    check = Validation.objects.create(
        key=key,
        merchant_id=key.merchant_id,
        lane=str(key.merchant_id),
        reason=Validation.Reason.ADDED,
        state=state,
        due_at=now + due_in,
        lease_until=now + timedelta(minutes=1) if state == Validation.State.CLAIMED else None,
    )
    for permission, outcome in outcomes.items():
        PermissionCheck.objects.create(
            key_id=check.key_id, validation=check, permission=permission, outcome=outcome
        )
    return check


def page_of(browser: Client, key: RestrictedKey) -> str:
    """The key's page as text."""
    return unescape(browser.get(reverse("stripe_keys:key_detail", args=[key.pk])).content.decode())


def status_of(browser: Client, key: RestrictedKey, seen: str = "") -> Any:
    """The answer to the page's own question for news."""
    address = reverse("stripe_keys:key_status", args=[key.pk])
    return browser.get(address, {"seen": seen}, headers={"HX-Request": "true"})
