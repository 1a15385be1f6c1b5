"""`python -m bench.vault.traffic open|paste`: one process of a busy site, until SIGTERM; then one line of JSON.

`open` opens stored keys at random and forgets unwrapped data keys often, so that wrapped ones are really read. `paste`
stores new keys, some of them for merchants who had none. Both go on after a failure and count it.
"""

import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import count
from types import FrameType

import django

FORGETS_EVERY = 10
NEW_MERCHANT_EVERY = 5
READY = "ready"


@dataclass(slots=True)
class Tally:
    """What one process did: how often, and what failed by the exception's name."""

    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)


class _Ending:
    asked = False


def _end(_number: int, _frame: FrameType | None) -> None:
    _Ending.asked = True


def work_until_asked_to_end(step: Callable[[int], bool]) -> Tally:
    """Take steps until SIGTERM; a step that raises, or says no, has failed."""
    tally = Tally()
    print(READY, flush=True)
    for number in count(1):
        if _Ending.asked:
            return tally
        try:
            if step(number):
                tally.done += 1
            else:
                tally.failed["AnotherKey"] += 1
        except Exception as problem:
            tally.failed[type(problem).__name__] += 1
    raise AssertionError


def opening() -> Callable[[int], bool]:
    """A step that opens a stored key."""
    from bench.vault.seeding import opens_as_stored
    from stripe_keys import vault
    from stripe_keys.models import RestrictedKey
    from stripe_keys.vault import data_keys

    stored = list(RestrictedKey.objects.all())

    def step(number: int) -> bool:
        if number % FORGETS_EVERY == 0:
            data_keys.forget()
        key = random.choice(stored)  # noqa: S311
        return opens_as_stored(key, vault.decrypt(key))

    return step


def pasting() -> Callable[[int], bool]:
    """A step that stores a new key."""
    from django.db import transaction

    from accounts.models import Merchant
    from bench.vault.contenders import some_texts
    from bench.vault.seeding import a_row
    from stripe_keys import vault
    from stripe_keys.secret import Secret

    merchants = list(Merchant.objects.all())

    def step(number: int) -> bool:
        secret = Secret(some_texts(1)[0])
        with transaction.atomic():
            merchant = random.choice(merchants)  # noqa: S311
            if number % NEW_MERCHANT_EVERY == 0:
                merchant = Merchant.objects.create(name="A new merchant")
            key = a_row(merchant.pk, secret, f"paste-{number}")
            key.save(force_insert=True)
            vault.encrypt(key, secret).save()
        return True

    return step


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    django.setup()
    begin = {"open": opening, "paste": pasting}[sys.argv[1]]
    print(json.dumps(asdict(work_until_asked_to_end(begin()))), flush=True)
