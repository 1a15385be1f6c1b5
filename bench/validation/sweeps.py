"""What planning costs: so many due keys among few, and as many among fifty times more."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from bench.validation.seeding import open_shops
from local_stack.problems import StackError
from stripe_keys import sweeps
from stripe_keys.models import RestrictedKey

Result = TypeVar("Result")
_MERCHANTS = """
    INSERT INTO accounts_merchant (id, name)
    SELECT md5('m' || n)::uuid, 'A merchant' FROM generate_series(1, %(keys)s) n"""
# Those that are due lie scattered among the rest.
_ITS_OWN = {
    "id": "md5('k' || n)::uuid",
    "merchant_id": "md5('m' || n)::uuid",
    "stripe_account_id": "'acct_' || n",
    "stripe_key_id": "'mk_' || n",
    "fingerprint": "decode(md5('f' || n) || md5('g' || n), 'hex')",
    "next_check_at": """now() + CASE WHEN n %% (%(keys)s / %(due)s) = 0 THEN random() * interval '-1 hour'
        ELSE interval '1 hour' + random() * interval '19 hours' END""",
}


@dataclass(frozen=True, slots=True)
class Planning:
    """The median time of planning; and the most that Python and the database's process took for it, in kilobytes."""

    keys: int
    seconds: float
    python_kilobytes: float
    database_kilobytes: float


def measure(*, few: int, many: int, due: int, rounds: int) -> list[Planning]:
    """Plan `due` due keys among `few`, then among `many`; everything else in the database is forgotten."""
    [shop] = open_shops(1)
    pattern = RestrictedKey.objects.get(merchant_id=shop.merchant_id)
    return [_measure(pattern, keys, due, rounds) for keys in (few, many)]


def _measure(pattern: RestrictedKey, keys: int, due: int, rounds: int) -> Planning:
    _store(pattern, keys, due)
    _vacuum()
    seconds = [_rolled_back(lambda: _seconds(due)) for _ in range(rounds + 1)][
        1:
    ]  # the first reads what is cold
    return Planning(keys, median(seconds), *_rolled_back(lambda: _kilobytes(due)))


def _store(pattern: RestrictedKey, keys: int, due: int) -> None:
    """Store so many keys, each like `pattern` but for what must be its own, for a merchant of its own each."""
    fields = [field for field in RestrictedKey._meta.concrete_fields if field.column]
    values: dict[str, Any] = {
        str(field.column): field.get_db_prep_save(getattr(pattern, field.attname), connection)
        for field in fields
    }
    selected = ", ".join(_ITS_OWN.get(column, f"%({column})s") for column in values)
    statement = f"""
        INSERT INTO stripe_keys_restrictedkey ({", ".join(values)})
        SELECT {selected} FROM generate_series(1, %(keys)s) n"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_merchant CASCADE")
        for each in (_MERCHANTS, statement):
            cursor.execute(each, {**values, "keys": keys, "due": due})


def _rolled_back(measured: Callable[[], Result]) -> Result:
    with transaction.atomic():
        found = measured()
        transaction.set_rollback(True)
    _vacuum()
    return found


def _seconds(due: int) -> float:
    began = time.monotonic()
    planned = sweeps.plan(timezone.now(), limit=due)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit does, though this is rolled back
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
