"""The one door to the partner's systems: sign a message, post it, and bring back the status of the answer alone.

Nothing of the answer but its status is read, let alone kept. No redirect is followed, no proxy, `.netrc` or cookie is
looked at, and it is over in time however slowly the other side speaks, and however many of its addresses are dead.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection

from stripe_keys.outgoing.endpoints import Endpoint

CONNECT_SECONDS, READ_SECONDS, IN_ALL_SECONDS = 3.0, 10.0, 15.0
USER_AGENT = "partner-site-webhooks/1"


class NoAnswer(Exception):
    """The endpoint did not answer this time; `code` says in our own words what happened instead."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def send(endpoint: Endpoint, *, message_id: str, body: str, now: datetime) -> int:
    """Post a message, signed now, and return the HTTP status of the answer.

    Raises:
        NoAnswer: there was none, or none in time.
    """
    with _deadline(IN_ALL_SECONDS) as deadline, _session() as session:
        try:
            with session.post(
                endpoint.url,
                data=body.encode(),
                headers=headers_of(endpoint, message_id=message_id, body=body, now=now),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,  # the body of the answer is never read: closing the connection ends it
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as trouble:
            raise NoAnswer("too_slow" if deadline.is_over else _code_of(trouble)) from None
    if deadline.is_over:
        raise NoAnswer("too_slow")  # cut short, what had come by then may look like an answer
    return status


def headers_of(endpoint: Endpoint, *, message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks, with a signature by each of the endpoint's secrets."""
    moment = now.astimezone(UTC).replace(microsecond=0)
    signatures = [
        Webhook(secret).sign(msg_id=message_id, timestamp=moment, data=body) for secret in endpoint.secrets
    ]
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _code_of(trouble: Exception) -> str:
    if isinstance(trouble, requests.exceptions.SSLError):
        return "tls"
    if isinstance(trouble, requests.Timeout):
        return "timeout"
    if isinstance(trouble, requests.ConnectionError):
        return "no_connection"
    return "no_http"


class _Session(requests.Session):
    """Never asks where an answer points to: requests reads the whole body of such an answer, however long it is."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere."""
        return None


@contextmanager
def _session() -> Iterator[requests.Session]:
    """A session for one message, its connection closed at the end."""
    with _Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.headers.update(
            {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
        )
        session.mount("https://", _Adapter())
        session.mount("http://", _Adapter())
        yield session


# --- An end to slow answers -------------------------------------------------------------------------------------------
# A read time-out begins anew with each byte; only closing the connection from outside ends a trickle of them. A connect
# time-out begins anew with each address of a name, and a look-up of the name has none.


class _Deadline:
    """Closes the connections that were opened under it when its time is over."""

    def __init__(self, seconds: float) -> None:
        self._end_at = time.monotonic() + seconds
        self._leashes: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    @property
    def left(self) -> float:
        """How many seconds are left; less than nothing when it is over."""
        return self._end_at - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether nothing is waited for any more."""
        return self.left <= 0

    def hold(self, connected: socket.socket) -> None:
        """Have this connection closed in time. A copy of the socket: TLS will make the original its own."""
        with self._lock:
            self._leashes.append(connected.dup())
            if self.is_over:
                self._close()

    def _end(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        for leash in self._leashes:
            with suppress(OSError):
                leash.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """The answer is there, or will never be."""
        self._timer.cancel()
        with self._lock:
            for leash in self._leashes:
                leash.close()
            self._leashes.clear()


_here = threading.local()


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _here.deadline = _Deadline(seconds)
    try:
        yield deadline
    finally:
        del _here.deadline
        deadline.let_go()


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to the first address of the connection's host that answers, under the deadline of this thread."""
    deadline: _Deadline = _here.deadline
    trouble: OSError = TimeoutError()
    try:
        for family, kind, protocol, _, address in _addresses(connection._dns_host, connection.port, deadline):
            if deadline.is_over:
                break
            connected = socket.socket(family, kind, protocol)
            try:
                connected.settimeout(max(min(CONNECT_SECONDS, deadline.left), 0.001))
                connected.connect(address)
            except OSError as refused:
                connected.close()
                trouble = refused
            else:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                deadline.hold(connected)
                return connected
    except (OSError, UnicodeError) as unknown:  # no such name, or none that can be asked for
        raise urllib3.exceptions.NewConnectionError(connection, type(unknown).__name__) from None
    if isinstance(trouble, TimeoutError):
        raise urllib3.exceptions.ConnectTimeoutError(connection, "timed out")
    raise urllib3.exceptions.NewConnectionError(connection, type(trouble).__name__)


def _addresses(host: str, port: int, deadline: _Deadline) -> list[Any]:
    """What the name resolves to, or nothing when that takes too long.

    Nothing ends a look-up from outside: it is left to a thread, which ends when the machine's resolver gives up.
    """
    found: SimpleQueue[list[Any] | OSError | UnicodeError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as unknown:
            found.put(unknown)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        answer = found.get(timeout=max(deadline.left, 0.0))
    except Empty:
        return []
    if isinstance(answer, list):
        return answer
    raise answer


class _HTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPS


class _Adapter(HTTPAdapter):
    """Opens connections under the deadline, and never tries twice by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
