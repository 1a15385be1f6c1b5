"""Many requests at the same time over kept connections, and a server with bad manners."""

import gc
import gzip
import ipaddress
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.ports import free_port
from stripe_keys.gateway.wire import Question, Reply, Trouble, Wire
from tests.stripe_keys.gateway.raw_server import ANSWER, RawServer
from tests.waiting import NOT_FOR_EVER, eventually

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


def wire_to(address: str, *, authorities: str = "", read_seconds: float = 0.5) -> Wire:
    """A wire with little patience."""
    known = authorities or stripe.ca_bundle_path
    return Wire(address, authorities=known, connect_seconds=2.0, read_seconds=read_seconds)


def asked(wire: Wire, *paths: str) -> list[Reply]:
    """The replies to GETs of these paths, in the order of the paths."""
    replies = dict(wire.ask([Question("get", path) for path in paths], HEADERS))
    return [replies[number] for number in range(len(paths))]


def test_connections_are_kept_for_the_next_questions(server: RawServer, wire: Wire) -> None:
    first, second = asked(wire, *["/v1/charges"] * 5), asked(wire, *["/v1/charges"] * 5)

    assert first + second == [WELL] * 10
    assert server.connections == 5


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
    assert time.monotonic() - began < NOT_FOR_EVER


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Trouble.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b" " * 5_000_000, Trouble.NOT_HTTP),
        (b"Good day to you\r\n\r\n", Trouble.NOT_HTTP),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: else\r\nConnection: upgrade\r\n\r\n", Trouble.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"Warm: words\r\n" * 200 + b"\r\n", Trouble.NOT_HTTP),
    ],
    ids=[
        "nothing",
        "too-short",
        "chunk-missing",
        "too-large",
        "no-http",
        "other-protocol",
        "too-many-headers",
    ],
)
def test_what_is_no_whole_answer_is_trouble(
    server: RawServer, wire: Wire, answer: bytes, trouble: Trouble
) -> None:
    server.answers("/odd", answer, then_closes=True)

    assert asked(wire, "/odd", "/v1/charges") == [Reply(trouble=trouble), WELL]


@pytest.mark.parametrize(
    "status", [b"100 Continue", b"102 Processing", b"103 Early Hints"], ids=["100", "102", "103"]
)
def test_interim_answers_are_passed_over(server: RawServer, wire: Wire, status: bytes) -> None:
    server.answers("/interim", b"HTTP/1.1 %s\r\nLink: x\r\n\r\n" % status * 2 + ANSWER)

    assert asked(wire, "/interim", "/interim") + asked(wire, "/interim") == [WELL] * 3
    assert server.connections == 2


def test_interim_answer_hands_no_key_the_answer_to_another(server: RawServer) -> None:
    wire = wire_to(server.address, read_seconds=10.0)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(told_to, wire, key) for key in ("one", "another")]
        eventually(lambda: len(server.heads) == 8)
        server.go_on.set()

        assert [told.result() for told in both] == [{b"one"}, {b"another"}]
    assert (told_to(wire, "a third"), told_to(wire, "a fourth")) == ({b"a third"}, {b"a fourth"})
    assert server.connections == 8


def told_to(wire: Wire, key: str) -> set[bytes]:
    """The answers of a server that repeats the key, to four questions of `key`."""
    return {reply.body for _, reply in wire.ask([Question("get", "/hinted")] * 4, {"Authorization": key})}


def test_answer_that_nobody_waits_for_is_not_taken_for_the_next(server: RawServer, wire: Wire) -> None:
    assert asked(wire, "/unasked") == [WELL]
    server.go_on.set()
    server.unasked_was_said.wait(5)

    assert asked(wire, "/v1/charges") == [WELL]
    assert server.connections == 2


def test_connection_that_ends_when_it_is_asked_again_is_no_trouble(server: RawServer, wire: Wire) -> None:
    assert asked(wire, "/fickle") + asked(wire, "/v1/charges") == [WELL, WELL]
    assert server.connections == 2


def test_answer_in_chunks_is_put_together(server: RawServer, wire: Wire) -> None:
    chunks = b"2\r\n{}\r\n3;a=b\r\n   \r\n0\r\n\r\n"
    server.answers("/chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    assert asked(wire, "/chunks") + asked(wire, "/chunks") == [Reply(200, b"{}   ")] * 2
    assert server.connections == 1


def test_packed_answer_is_not_unpacked(server: RawServer, wire: Wire) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    server.answers("/bomb", head + bomb)

    assert asked(wire, "/bomb") == [Reply(200, bomb)]
    assert "Accept-Encoding: identity" in server.heads[0]


def test_questions_that_nobody_waits_for_are_given_up(server: RawServer) -> None:
    wire = wire_to(server.address, read_seconds=60.0)
    replies = wire.ask([Question("get", "/trickle"), Question("get", "/v1/charges")], HEADERS)

    assert next(replies) == (1, WELL)
    replies.close()  # type: ignore[attr-defined]
    eventually(lambda: server.ended == 1)


def test_wire_that_is_let_go_leaves_no_thread_and_no_connection(server: RawServer) -> None:
    before = threading.active_count()
    gc.freeze()  # what is older has nothing to do with it, and to go through it all takes a while
    asked(wire_to(server.address), "/v1/charges", "/v1/charges")

    gc.collect()
    gc.unfreeze()

    eventually(lambda: server.ended == 2)
    eventually(lambda: threading.active_count() <= before)


_FORKS = """
import os, sys
from django.conf import settings
settings.configure(STRIPE_API_BASE=sys.argv[1], STRIPE_TIMEOUT_SECONDS=2.0)
from stripe_keys import catalogue, gateway
from stripe_keys.secret import Secret

def answers():
    secret = Secret("rk" + "_test_" + "a" * 24)
    probes = [probe for probe in catalogue.PROBES.values() if "limit=" not in probe.path][:3]
    print([finding.answer.value for _, finding in gateway.ask(secret, probes)], flush=True)

answers()
child = os.fork()
answers()
if child:
    os.waitpid(child, 0)
    answers()
"""


def test_forked_process_asks_over_its_own_connections_and_all_end_in_silence(server: RawServer) -> None:
    program = [sys.executable, "-W", "error::ResourceWarning", "-c", _FORKS, server.address]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=20, check=True)

    assert ended.stdout.splitlines() == ["['granted', 'granted', 'granted']"] * 4
    assert ended.stderr == ""
    assert server.connections == 6


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
