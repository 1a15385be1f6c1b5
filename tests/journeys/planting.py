"""Leaving a canary in each place where none may be, to see that it is found there."""

import base64
import gzip
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import redis
import requests

from local_stack.processes import Stack
from tests.journeys.ears import ProcessWatch
from tests.journeys.plain_browser import PlainBrowser

Plant = Callable[[Stack, str], None]


def _append(stack: Stack, log: str, text: str) -> None:
    with stack.log_of(log).open("a") as file:
        file.write(f"{text}\n")


def _sql(stack: Stack, *statements: tuple[str, list[object]]) -> None:
    with psycopg.connect(stack.servers.database_url) as connection:
        for statement, values in statements:
            connection.execute(statement.encode(), values or None)


def _mail(stack: Stack, key: str) -> None:
    mail = EmailMessage()
    mail["To"], mail["From"], mail["Subject"] = "control@example.com", "control@example.com", "planted"
    mail.set_content(key[::-1])
    with smtplib.SMTP("127.0.0.1", stack.ports.smtp) as server:
        server.send_message(mail)


def _row(stack: Stack, key: str) -> None:
    made = "CREATE TABLE IF NOT EXISTS planted (kept bytea)"
    _sql(stack, (made, []), ("INSERT INTO planted VALUES (%s)", [key.encode()]))


def _session(stack: Stack, key: str) -> None:
    told = base64.urlsafe_b64encode(zlib.compress(json.dumps({"key": key}).encode())).decode().rstrip("=")
    row = "INSERT INTO django_session VALUES (%s, %s, now())"
    _sql(stack, (row, [f"planted{os.urandom(8).hex()}", f".{told}:time:signature"]))


def _cache_entry(stack: Stack, key: str) -> None:
    told = base64.b64encode(b"pickle " + key.encode("utf-16-le")).decode()
    _sql(stack, ("INSERT INTO cache_entries VALUES (%s, %s, now())", [f"planted{os.urandom(8).hex()}", told]))


def _admin_history(stack: Stack, key: str) -> None:
    """Of a user who need not exist."""
    row = """INSERT INTO django_admin_log (action_time, object_repr, action_flag, change_message, user_id)
             VALUES (now(), %s, 2, 'planted', 0)"""
    _sql(stack, ("SET LOCAL session_replication_role = replica", []), (row, [key.upper()]))


def _tell_the_partner(stack: Stack, key: str) -> None:
    address = stack.environment["PARTNER_WEBHOOKS"].partition("=")[2]
    requests.post(address, json={"key": key}, timeout=10)


def weed(stack: Stack) -> None:
    """Take out of the database what was planted there."""
    _sql(
        stack,
        ("DROP TABLE planted, planted_text", []),
        ("DELETE FROM django_session WHERE session_key LIKE 'planted%'", []),
        ("DELETE FROM cache_entries WHERE cache_key LIKE 'planted%'", []),
        ("DELETE FROM django_admin_log WHERE change_message = 'planted'", []),
    )


def _redis(stack: Stack, *commands: tuple[object, ...]) -> None:
    client: Any = redis.Redis.from_url(stack.servers.redis_url)
    for command in commands:
        client.execute_command(*command)
    client.close()


def _celery_message(stack: Stack, key: str) -> None:
    body = base64.b64encode(json.dumps([[key[:30], key], {}, {}]).encode()).decode()
    _redis(stack, ("LPUSH", "planted-queue", json.dumps({"body": body, "headers": {}})))


def _file(stack: Stack, name: str, data: bytes) -> None:
    (stack.folder / name).write_bytes(data)


PLANTS: dict[str, Plant] = {
    "log of the site": lambda stack, key: _append(stack, "web", f"planted {key.encode().hex()}"),
    "log of a server": lambda stack, key: _append(stack, "supervisor", f"planted {key.lower()}"),
    "mail": _mail,
    "message to the partner": _tell_the_partner,
    "table": _row,
    "database file": lambda stack, key: _sql(stack, ("CREATE TABLE planted_text AS SELECT %s::text", [key])),
    "write-ahead log": lambda stack, key: _sql(
        stack, ("SELECT pg_logical_emit_message(true, 'p', %s::text)", [key])
    ),
    "session": _session,
    "cache entry": _cache_entry,
    "admin history": _admin_history,
    "Redis key": lambda stack, key: _redis(stack, ("SET", f"planted {key[::-1]}", "1")),
    "Redis command": lambda stack, key: _redis(stack, ("ECHO", key)),
    "Redis dump": lambda stack, key: _redis(stack, ("SET", "planted in the dump", key)),
    "Redis append-only file": lambda stack, key: _redis(stack, ("SET", "planted", key), ("DEL", "planted")),
    "Celery message": _celery_message,
    "compressed file": lambda stack, key: _file(stack, "planted.gz", gzip.compress(key.encode())),
    "other file": lambda stack, key: _file(stack, "planted.txt", key.encode("utf-16")),
}


@contextmanager
def running_statement(stack: Stack, key: str) -> Iterator[None]:
    """A connection whose last statement held it."""
    with psycopg.connect(stack.servers.database_url) as connection:
        connection.execute("SELECT 1 /* " + key + " */")
        yield


def plant_in_a_process(watch: ProcessWatch, *, argument: str, variable: str) -> None:
    """A process that is started with them, while somebody looks."""
    command = [sys.executable, "-c", "input()", argument]
    environment = {**os.environ, "PLANTED": variable}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        watch.look()
        process.send_signal(signal.SIGKILL)


def plant_in_answers(*, page: str, error: str) -> PlainBrowser:
    """A browser that was answered with a page, and with an error page."""

    class Telling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if self.path == "/error" else 200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write((error if self.path == "/error" else page).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Telling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = PlainBrowser(f"http://127.0.0.1:{server.server_port}")
        browser.get("/page")
        browser.get("/error")
        server.shutdown()
    browser.close()
    return browser
