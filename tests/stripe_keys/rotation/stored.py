"""Stored keys, rings of key-encryption keys, and commands whose output is searched for either."""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import count
from threading import Event, Thread

from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import Merchant
from stripe_keys import vault
from stripe_keys.models import KekCanary, KeyEnvelope, MerchantDataKey, RestrictedKey, SiteDataKey
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
from tests.waiting import eventually

KEY_SHAPED = re.compile(r"(?:rk|sk)_(?:live|test)_[A-Za-z0-9]{10}")
_MADE: list[str] = []


def a_local_key(key_id: str) -> str:
    """A fresh key as the settings list it."""
    encoded = base64.b64encode(os.urandom(32)).decode()
    _MADE.append(encoded)
    return f"{key_id}:{encoded}"


def a_stored_key(merchant: Merchant, secret: Secret | None = None, purpose: str = "default") -> RestrictedKey:
    """A pending key of the merchant with its envelope, committed together."""
    secret = secret or Secret(a_restricted_key())
    mark = vault.fingerprints(secret)[0]
    with transaction.atomic():
        key = RestrictedKey.objects.create(
            merchant=merchant,
            purpose=purpose,
            livemode=secret.livemode,
            last4=secret.last4,
            fingerprint=mark.digest,
            fingerprint_key_id=mark.key_id,
        )
        vault.encrypt(key, secret).save()
    return key


def many_stored_keys(count: int) -> list[RestrictedKey]:
    """A key each of so many merchants."""
    merchants = Merchant.objects.bulk_create([Merchant(name=f"Merchant {number}") for number in range(count)])
    return [a_stored_key(merchant) for merchant in merchants]


def flip_last_bit(stored: bytes | memoryview) -> bytes:
    """The same bytes with one bit altered."""
    return bytes(stored[:-1]) + bytes([stored[-1] ^ 1])


def everything_wrapped() -> list[tuple[int, str, bytes]]:
    """Every wrapped data key as it is stored."""
    return [
        (pk, kek_id, bytes(wrapped))
        for model in (MerchantDataKey, SiteDataKey)
        for pk, kek_id, wrapped in model.objects.order_by("pk").values_list("pk", "kek_id", "wrapped")
    ]


def key_material_in(text: str) -> list[str]:
    """What `text` says that nobody may read: keys of any kind, or stored bytes in a form that a program prints."""
    stored = [wrapped for _, _, wrapped in everything_wrapped()]
    stored += [bytes(each) for each in KeyEnvelope.objects.values_list("envelope", flat=True)]
    stored += [bytes(each) for each in KekCanary.objects.values_list("wrapped", flat=True)]
    needles = [*_MADE, *(base64.b64decode(made).hex() for made in _MADE)]
    for each in stored:
        needles += [each.hex(), base64.b64encode(each).decode(), repr(each)]
    return [*KEY_SHAPED.findall(text), *(needle for needle in needles if needle in text)]


@dataclass(frozen=True)
class Ran:
    """A command's output, and whether it ended with a failure."""

    output: str
    failed: bool


def run(command: str, *arguments: str) -> Ran:
    """Run a management command; nothing it says may hold key material."""
    output = StringIO()
    failed = False
    try:
        call_command(command, *arguments, stdout=output, stderr=output)
    except CommandError as problem:
        output.write(str(problem))
        failed = True
    said = output.getvalue()
    assert key_material_in(said) == []
    return Ran(said, failed)


def in_a_thread(work: Callable[[], object], problems: list[BaseException]) -> Thread:
    """A started thread with a connection of its own; what ends it early is put into `problems`."""

    def guarded() -> None:
        try:
            work()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    thread = Thread(target=guarded)
    thread.start()
    return thread


class Bystanders:
    """Threads that do one thing over and over until the block ends; `problems` has what went wrong in them.

    Each work is called with the number of its thread and of its turn.
    """

    def __init__(self, *works: Callable[[int, int], None]) -> None:
        self.problems: list[BaseException] = []
        self.rounds = [0] * len(works)
        self._works = works
        self._done = Event()
        self._threads: list[Thread] = []

    def __enter__(self) -> "Bystanders":
        for me, work in enumerate(self._works):
            self._threads.append(in_a_thread(partial(self._go_on, me, work), self.problems))
        return self

    def _go_on(self, me: int, work: Callable[[int, int], None]) -> None:
        for turn in count():
            if self._done.is_set():
                return
            work(me, turn)
            self.rounds[me] += 1

    def all_go_on(self) -> None:
        """Wait until each of them has done one more turn, or something went wrong."""
        before = list(self.rounds)
        eventually(
            lambda: self.problems or all(now > then for now, then in zip(self.rounds, before, strict=True))
        )

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
