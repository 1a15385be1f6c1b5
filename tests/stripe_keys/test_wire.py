"""Many requests at the same time over kept connections, and a server with bad manners."""

import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.ports import free_port
from stripe_keys.wire import Question, Reply, Trouble, Wire
from tests.stripe_keys.raw_server import RawServer
from tests.waiting import eventually

HEADERS = {"Authorization": "Bearer of nothing"}
WELL = Reply(200, b'{"object":"list"}')


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A server that answers well unless told otherwise."""
    with RawServer() as started:
        yield started


@pytest.fixture
def wire(server: RawServer) -> Wire:
    """A wire to it, with half a second of patience."""
    return wire_to(server.address)


def wire_to(address: str, *, authorities: str = "", kept: int = 8) -> Wire:
    """A wire with little patience."""
    known = authorities or stripe.ca_bundle_path
    return Wire(address, authorities=known, connect_seconds=2.0, read_seconds=0.5, kept=kept)


def asked(wire: Wire, *paths: str) -> list[Reply]:
    """The replies to GETs of these paths, in the order of the paths."""
    replies = dict(wire.ask([Question("get", path) for path in paths], HEADERS))
    return [replies[number] for number in range(len(paths))]


def test_connections_are_kept_for_the_next_questions(server: RawServer, wire: Wire) -> None:
    first, second = asked(wire, *["/v1/charges"] * 5), asked(wire, *["/v1/charges"] * 5)

    assert first + second == [WELL] * 10
    assert server.connections == 5


def test_no_more_idle_connections_are_kept_than_allowed(server: RawServer) -> None:
    wire = wire_to(server.address, kept=2)

    asked(wire, *["/v1/charges"] * 5)
    asked(wire, *["/v1/charges"] * 5)

    assert server.connections == 8


def test_what_arrives_first_is_told_first(server: RawServer, wire: Wire) -> None:
    replies = wire.ask([Question("get", "/late"), Question("get", "/soon")], HEADERS)

    assert next(replies) == (1, WELL)
    server.go_on.set()
    assert list(replies) == [(0, WELL)]


def test_connection_that_the_server_has_ended_is_not_used_again(server: RawServer, wire: Wire) -> None:
    server.answers("/last", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", then_closes=True)

    assert asked(wire, "/last") == [Reply(200, b"{}")]
    eventually(lambda: server.ended)
    assert asked(wire, "/v1/charges") == [WELL]
    assert server.connections == 2


def test_connection_that_is_announced_to_end_is_read_to_its_end(server: RawServer, wire: Wire) -> None:
    server.answers("/last", b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a":1}', then_closes=True)

    assert asked(wire, "/last", "/v1/charges") == [Reply(200, b'{"a":1}'), WELL]
    assert asked(wire, "/v1/charges", "/v1/charges") == [WELL, WELL]
    assert server.connections == 3


def test_trickle_is_cut_off_and_keeps_no_other_answer_away(server: RawServer, wire: Wire) -> None:
    began = time.monotonic()

    replies = asked(wire, "/trickle", "/v1/charges", "/hang")

    assert replies == [Reply(trouble=Trouble.TIMED_OUT), WELL, Reply(trouble=Trouble.TIMED_OUT)]
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b" " * 5_000_000, Trouble.NOT_HTTP),
        (b"Good day to you\r\n\r\n", Trouble.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"Warm: words\r\n" * 200 + b"\r\n", Trouble.NOT_HTTP),
    ],
    ids=["nothing", "too-short", "chunk-missing", "too-large", "no-http", "too-many-headers"],
)
def test_what_is_no_whole_answer_is_trouble(
    server: RawServer, wire: Wire, answer: bytes, trouble: Trouble
) -> None:
    server.answers("/odd", answer, then_closes=True)

    assert asked(wire, "/odd", "/v1/charges") == [Reply(trouble=trouble), WELL]


def test_redirect_is_an_answer_and_is_not_followed(server: RawServer, wire: Wire) -> None:
    server.answers("/moved", b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert asked(wire, "/moved") == [Reply(302, b"")]
    assert len(server.heads) == 1


def test_proxies_of_the_environment_are_not_used(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    assert asked(wire, "/v1/charges") == [WELL]


def test_server_that_is_away_is_trouble() -> None:
    wire = wire_to(f"http://127.0.0.1:{free_port()}")

    assert asked(wire, "/v1/charges", "/v1/charges") == [Reply(trouble=Trouble.LOST)] * 2


def test_only_a_certificate_of_a_known_authority_is_shown_the_key(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with RawServer(context) as server:
        refused = asked(wire_to(server.address), "/v1/charges")
        accepted = asked(wire_to(server.address, authorities=str(certificate)), "/v1/charges", "/v1/charges")

        assert refused == [Reply(trouble=Trouble.LOST)]
        assert accepted == [WELL, WELL]
        assert len(server.heads) == 2


def a_certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody but itself vouches for, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
