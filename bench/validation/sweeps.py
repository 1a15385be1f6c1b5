"""What planning costs: so many due keys among few, and as many among fifty times more."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from django.db import connection, transaction
from django.utils import timezone

from bench.validation.seeding import open_shops
from local_stack.problems import StackError
from stripe_keys import sweeps
from stripe_keys.models import RestrictedKey

Result = TypeVar("Result")
_MERCHANTS = """
    INSERT INTO accounts_merchant (id, name)
    SELECT md5('m' || n)::uuid, 'A merchant' FROM generate_series(%(first)s, %(last)s) n"""
_ITS_OWN = {
    "id": "md5('k' || n)::uuid",
    "merchant_id": "md5('m' || n)::uuid",
    "stripe_account_id": "'acct_' || n",
    "stripe_key_id": "'mk_' || n",
    "fingerprint": "decode(md5('f' || n) || md5('g' || n), 'hex')",
    "next_check_at": "now() + interval '1 hour' + random() * interval '19 hours'",
}
_NONE_DUE = """
    UPDATE stripe_keys_restrictedkey SET next_check_at = now() + interval '9 hours' WHERE next_check_at < now()"""
# Those that are due lie scattered among the rest, as they would.
_SOME_DUE = """
    UPDATE stripe_keys_restrictedkey SET next_check_at = now() - random() * interval '1 hour'
    WHERE id IN (SELECT md5('k' || n)::uuid FROM generate_series(1, %(keys)s, %(keys)s / %(due)s) n)"""


@dataclass(frozen=True, slots=True)
class Planning:
    """The median time of planning; and the most that Python and the database's process took for it, in kilobytes."""

    keys: int
    seconds: float
    python_kilobytes: float
    database_kilobytes: float


def measure(*, few: int, many: int, due: int, rounds: int) -> list[Planning]:
    """Plan `due` due keys among `few`, then among `many`."""
    open_shops(1)
    found, stored = [], 0
    for keys in (few, many):
        _store(stored + 1, keys)
        stored = keys
        found.append(_measure(keys, due, rounds))
    return found


def _store(first: int, last: int) -> None:
    """Add keys number `first` to `last`, each like the one that is there but for what must be its own."""
    columns = [field.column for field in RestrictedKey._meta.concrete_fields if field.column]
    values = ", ".join(_ITS_OWN.get(column, f"key.{column}") for column in columns)
    keys = f"""
        INSERT INTO stripe_keys_restrictedkey ({", ".join(columns)})
        SELECT {values}
        FROM (SELECT * FROM stripe_keys_restrictedkey LIMIT 1) key, generate_series(%(first)s, %(last)s) n
        """  # noqa: S608
    with connection.cursor() as cursor:
        for statement in (_MERCHANTS, keys):
            cursor.execute(statement, {"first": first, "last": last})


def _measure(keys: int, due: int, rounds: int) -> Planning:
    with connection.cursor() as cursor:
        cursor.execute(_NONE_DUE)
        cursor.execute(_SOME_DUE, {"keys": keys, "due": due})
    _vacuum()
    seconds = [_rolled_back(lambda: _seconds(due)) for _ in range(rounds + 1)][
        1:
    ]  # the first reads what is cold
    return Planning(keys, median(seconds), *_rolled_back(lambda: _kilobytes(due)))


def _rolled_back(measured: Callable[[], Result]) -> Result:
    with transaction.atomic():
        found = measured()
        transaction.set_rollback(True)
    _vacuum()
    return found


def _seconds(due: int) -> float:
    began = time.monotonic()
    planned = sweeps.plan(timezone.now(), limit=due)
    seconds = time.monotonic() - began
    if planned != due:
        raise StackError(f"{planned} keys were planned, not {due}.")
    return seconds


def _kilobytes(due: int) -> tuple[float, float]:
    """The most that Python held at once, and by how much the memory of the database's own process has grown."""
    before = _of_database()
    tracemalloc.start()
    _seconds(due)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1024, max(_of_database() - before, 0.0)


def _of_database() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((float(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0.0)


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
