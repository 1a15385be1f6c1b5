"""Every place where a site leaves something behind, so that a canary can be looked for in it.

`SINKS` names the kinds of places; for each of them a test plants a canary and sees it found there.
"""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from local_stack.processes import Stack
from tests.journeys.canary import Found
from tests.journeys.ears import celery_messages
from tests.journeys.plain_browser import Answer
from tests.stripe_keys.outgoing.receiver import Receiver

SINKS = frozenset(
    {
        "log of the site",
        "log of a server",
        "mail",
        "message to the partner",
        "database file",
        "write-ahead log",
        "table",
        "session",
        "cache entry",
        "admin history",
        "running statement",
        "Redis key",
        "Redis command",
        "Redis dump",
        "Redis append-only file",
        "Celery message",
        "answer",
        "error page",
        "process arguments",
        "process environment",
        "compressed file",
        "other file",
    }
)
_OF_STRIPE = "simulator"  # its files are Stripe's own
_SITES = ("web", "worker", "manage")
_TABLES_OF = {"django_admin_log": "admin history"}


def listen_closely(stack: Stack) -> None:
    """Have PostgreSQL write each statement with its values into its log, and Redis each command and value as it is.

    Redis forgets this when it ends.
    """
    listen_closely_to_redis(stack)
    with psycopg.connect(stack.servers.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")


def listen_closely_to_redis(stack: Stack) -> None:
    """The part that concerns Redis."""
    client: Any = redis.Redis.from_url(stack.servers.redis_url)
    client.config_set("rdbcompression", "no")
    client.config_set("appendonly", "yes")
    client.close()


def left_behind(stack: Stack, *, since: float) -> Iterator[Found]:
    """Everything in PostgreSQL, in Redis, in the mail catcher, and on the disk if it may have changed since then."""
    yield from _in_postgres(stack.servers.database_url)
    yield from _in_redis(stack.servers.redis_url)
    for mail in stack.mails():
        yield Found("mail", str(mail["id"]), repr(mail).encode())
    for path in _files(stack.folder):
        if path.stat().st_mtime >= since:
            yield from _in_file(path, path.relative_to(stack.folder))


def told(partner: Receiver) -> Iterator[Found]:
    """What one of the partner's own systems was sent."""
    for arrival in partner.arrivals:
        sent = repr(sorted(arrival.headers.items())).encode() + arrival.body
        yield Found("message to the partner", arrival.headers.get("webhook-id", ""), sent)


def answered(answers: Iterable[Answer]) -> Iterator[Found]:
    """What browsers were answered."""
    for answer in answers:
        yield Found("error page" if answer.status >= 500 else "answer", answer.address, answer.data)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(_OF_STRIPE))


def _in_file(path: Path, place: Path) -> Iterator[Found]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return  # PostgreSQL and Redis clear up
    yield Found(_kind_of(place), str(place), data)
    if data.startswith(b"\x1f\x8b"):
        yield Found("compressed file", str(place), gzip.decompress(data))


def _kind_of(place: Path) -> str:
    room, name = place.parts[0], place.name
    if room == "logs":
        return "log of the site" if place.stem in _SITES else "log of a server"
    if room == "postgres":
        return "write-ahead log" if "pg_wal" in place.parts else "database file"
    if room == "redis" and name.endswith(".rdb"):
        return "Redis dump"
    return "Redis append-only file" if room == "redis" and "appendonly" in name else "other file"


def _in_postgres(url: str) -> Iterator[Found]:
    with psycopg.connect(url, autocommit=True) as connection:
        running = connection.execute("SELECT string_agg(query, ';') FROM pg_stat_activity").fetchone()
        yield Found("running statement", "pg_stat_activity", repr(running).encode())
        connection.execute("CHECKPOINT")
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT each::text FROM {} AS each").format(sql.Identifier(table))
            rows = "\n".join(row for (row,) in connection.execute(query))
            yield Found(_TABLES_OF.get(table, "table"), table, rows.encode())
        for (kept,) in connection.execute("SELECT session_data FROM django_session"):
            yield Found("session", "django_session", _unwrapped_session(kept))
        for (kept,) in connection.execute("SELECT value FROM cache_entries"):
            yield Found("cache entry", "cache_entries", base64.b64decode(kept))


def _unwrapped_session(kept: str) -> bytes:
    """What a signed session says, without asking whether the signature is good."""
    payload = kept.rsplit(":", 2)[0]
    try:
        data = base64.urlsafe_b64decode(payload.lstrip(".") + "===")
        return zlib.decompress(data) if payload.startswith(".") else data
    except (binascii.Error, zlib.error):
        return kept.encode()


def _in_redis(url: str) -> Iterator[Found]:
    client: Any = redis.Redis.from_url(url)
    client.save()
    for key in client.scan_iter():
        value = key + bytes(client.dump(key) or b"")
        yield Found("Redis key", repr(key), value)
        yield from celery_messages(repr(key), value)
    client.close()
