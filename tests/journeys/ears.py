"""Watching while it happens: what Redis is told, and what every process was started with."""

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.journeys.canary import Found

_MESSAGE_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/=]+)"')
_OVER = "ECHO enough"


class RedisEar:
    """Hears every command that Redis is given while this is open: a message that a worker takes leaves no other trace.

    A Redis that goes away is listened to again as soon as it is back.
    """

    def __init__(self, url: str) -> None:
        # It carries no types for `monitor`. We try again ourselves, and sooner.
        self._client: Any = redis.Redis.from_url(url, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
        self._heard: list[bytes] = []
        self._is_open = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "RedisEar":
        self._thread.start()
        self.wait()
        return self

    def wait(self) -> None:
        """Until it hears: after Redis was away."""
        assert self._is_open.wait(10)

    @property
    def hears(self) -> bool:
        """Whether it listens now."""
        return self._is_open.is_set()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            try:
                self._listen_until_it_ends()
            except (redis.RedisError, OSError):
                self._is_open.clear()
                time.sleep(0.02)

    def _listen_until_it_ends(self) -> None:
        with self._client.monitor() as monitor:
            self._is_open.set()
            for command in monitor.listen():
                self._heard.append(str(command["command"]).encode())
                if command["command"] == _OVER:
                    return

    def __exit__(self, kind: object, *_: object) -> None:
        self._is_over.set()
        if kind is None:
            self.wait()
        with contextlib.nullcontext() if kind is None else contextlib.suppress(redis.RedisError):
            self._client.execute_command(_OVER)
        self._thread.join(10)
        self._client.close()

    @property
    def heard(self) -> Iterator[Found]:
        """The commands, and the Celery messages in them."""
        commands = b"\n".join(self._heard)
        yield Found("Redis command", "heard", commands)
        yield from celery_messages("heard", commands)


def celery_messages(place: str, data: bytes) -> Iterator[Found]:
    """What Celery wraps in base64, unwrapped."""
    for body in _MESSAGE_BODY.findall(data.replace(b'\\"', b'"')):
        yield Found("Celery message", place, base64.b64decode(body + b"==="))


class ProcessWatch:
    """Remembers the arguments and the environment of every process, at each moment it is asked to look.

    Processes of others, and those that keep their memory to themselves, show their environment to root alone.
    """

    def __init__(self) -> None:
        self._arguments: set[str] = set()
        self._environments: set[str] = set()

    def look(self) -> None:
        """Look at this moment."""
        for process in psutil.process_iter(["cmdline", "environ"], ad_value=None):
            self._arguments.add(" ".join(process.info["cmdline"] or ()))
            self._environments.add(json.dumps(process.info["environ"] or {}))

    @property
    def seen(self) -> Iterator[Found]:
        """All of it."""
        yield Found("process arguments", "seen", "\n".join(self._arguments).encode())
        yield Found("process environment", "seen", "\n".join(self._environments).encode())
