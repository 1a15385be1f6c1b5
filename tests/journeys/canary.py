"""Looks for a key in everything the site leaves behind: files, databases, mails, messages and answers."""

import base64
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import redis

from local_stack.processes import Stack

# The beginning of a key repeats the account's id, which is no secret; the last four characters are shown.
_HEAD, _TAIL, _WINDOW = 32, 4, 16
_OF_STRIPE = "simulator"  # its files are Stripe's own


def needles_of(key: str) -> dict[str, bytes]:
    """What gives a key away, by the name of its disguise: any piece of 31 characters, or the whole in another form."""
    secret = key[_HEAD:-_TAIL]
    plain, whole = secret.encode(), key.encode()
    found = {
        f"piece {start}": plain[start : start + _WINDOW]
        for start in range(0, len(plain) - _WINDOW + 1, _WINDOW)
    }
    found["reversed"] = plain[::-1][:_WINDOW]
    for name, data in (("hex", plain.hex()), ("HEX", plain.hex().upper())):
        found[name] = data.encode()[: 2 * _WINDOW]
    found["percent"] = "".join(f"%{byte:02X}" for byte in plain[:_WINDOW]).encode()
    for name in ("utf-16-le", "utf-16-be"):
        found[name] = secret[:_WINDOW].encode(name)
    for shift in range(3):
        inside = whole[_HEAD - _HEAD % 3 + shift : -_TAIL]
        inside = inside[: len(inside) // 3 * 3]
        found[f"base64 +{shift}"] = base64.b64encode(inside)[: 2 * _WINDOW]
        found[f"base64 for URLs +{shift}"] = base64.urlsafe_b64encode(inside)[: 2 * _WINDOW]
    return found


class Search:
    """Looks for each of the keys in places; a hit is told by its place, the key's name and its disguise."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._needles = {
            f"{name} ({disguise})": needle
            for name, key in keys.items()
            for disguise, needle in needles_of(key).items()
        }

    def hits(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """Where a key was found; empty is what we want."""
        return [
            f"{place}: {name}"
            for place, data in places
            for name, needle in self._needles.items()
            if needle in data
        ]


class RedisEar:
    """Hears every command that Redis is given while it is open: messages that a worker takes leave no other trace."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)  # it carries no types for `monitor`
        self._heard: list[bytes] = []
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "RedisEar":
        self._thread.start()
        assert self._is_open.wait(5)
        return self

    def _listen(self) -> None:
        with self._client.monitor() as monitor:
            self._is_open.set()
            for command in monitor.listen():
                self._heard.append(str(command["command"]).encode())
                if command["command"] == "ECHO enough":
                    return

    def __exit__(self, *_: object) -> None:
        self._client.echo("enough")
        self._thread.join(5)
        self._client.close()

    @property
    def places(self) -> Iterator[tuple[str, bytes]]:
        """What was heard."""
        yield "Redis commands", b"\n".join(self._heard)


def listen_closely(stack: Stack) -> None:
    """Have PostgreSQL write each statement with its values into its log, and Redis its values as they are."""
    client: Any = redis.Redis.from_url(stack.servers.redis_url)
    client.config_set("rdbcompression", "no")
    client.close()
    with psycopg.connect(stack.servers.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")


def left_behind(stack: Stack, *, since: float) -> Iterator[tuple[str, bytes]]:
    """Everything on the disk, in Redis and in the mail catcher that may have changed since that moment."""
    with psycopg.connect(stack.servers.database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    yield from _in_redis(stack.servers.redis_url)
    for mail in stack.mails():
        yield f"mail {mail['id']}", repr(mail).encode()
    for path in _files(stack.folder):
        if path.stat().st_mtime >= since:
            yield str(path.relative_to(stack.folder)), path.read_bytes()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(_OF_STRIPE))


def _in_redis(url: str) -> Iterator[tuple[str, bytes]]:
    client: Any = redis.Redis.from_url(url)
    client.save()
    for key in client.scan_iter():
        yield f"Redis key {key!r}", key + bytes(client.dump(key) or b"")
    client.close()
