"""How soon after a paste its verdict is there, with a worker running as in production."""

import time
from collections.abc import Iterable
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from accounts.models import Merchant, User
from bench.validation.seeding import Shop
from local_stack.lifetimes import wait_until
from local_stack.problems import StackError
from stripe_keys import services
from stripe_keys.models import Validation
from stripe_keys.secret import Secret

PATIENCE_SECONDS = 60.0


def somebody() -> User:
    """Who pastes; the same person for every merchant."""
    return User.objects.create(email=f"{uuid4()}@example.com")


def seconds_to_verdict(shops: Iterable[Shop], user: User) -> list[float]:
    """Paste each shop's key, one after the other, and wait for its verdict: seconds from the commit of each paste."""
    return [_one(shop, user) for shop in shops]


def _one(shop: Shop, user: User) -> float:
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))  # before the bell is rung
        merchant = Merchant.objects.get(pk=shop.merchant_id)
        added = services.add_key(merchant=merchant, user=user, secret=Secret(shop.token), now=timezone.now())
    verdicts = Validation.objects.filter(key=added.key, state="done").values_list("verdict", flat=True)
    if not wait_until(lambda: verdicts.all().exists(), seconds=PATIENCE_SECONDS, every=0.002):
        raise StackError("A pasted key got no verdict.")
    seconds = time.monotonic() - committed[0]
    if set(verdicts.all()) != {"active"}:
        raise StackError(f"A pasted key was found {sorted(verdicts.all())}.")
    return seconds
