"""Answers that break on the way, or are none of the API's: always silence, and never for long."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from stripe_keys import catalogue, gateway
from stripe_keys.gateway.answers import Answer, Finding
from stripe_keys.gateway.app_answers import StripeUnavailable
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import ACCOUNT, Reply, ScriptedStripe, refusal, saying
from tests.waiting import NOT_FOR_EVER

WHOSE = saying({"object": "account", "id": ACCOUNT})


@pytest.fixture(scope="module")
def stripe() -> Iterator[ScriptedStripe]:
    """One scripted Stripe for all tests here."""
    with scripted_stripe.running() as running:
        yield running


@pytest.fixture(autouse=True)
def brief_patience(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A third of a second for connecting, and as much for an answer."""
    settings.STRIPE_TIMEOUT_SECONDS = 0.3
    monkeypatch.setattr(gateway, "CONNECT_SECONDS", 0.3)
    gateway.forget_connections()
    yield
    gateway.forget_connections()


def whose() -> Finding:
    """What comes of asking whose a key is."""
    [(_, finding)] = gateway.ask(Secret(a_restricted_key()), [catalogue.WHOSE])
    return finding


def said(stripe: ScriptedStripe, settings: Settings, reply: Reply) -> str:
    """The problem that an answer leads to."""
    settings.STRIPE_API_BASE, stripe.answer = stripe.base_url, lambda _: reply
    finding = whose()
    assert finding.answer is Answer.UNKNOWN
    return finding.problem


def test_answer_that_trickles_is_not_waited_for(stripe: ScriptedStripe, settings: Settings) -> None:
    began = time.monotonic()

    problem = said(stripe, settings, Reply(body=WHOSE.body, end="trickle"))

    assert problem == "timed_out"
    assert time.monotonic() - began < NOT_FOR_EVER, "each byte alone would have been in time"


def test_others_are_heard_while_one_trickles(stripe: ScriptedStripe, settings: Settings) -> None:
    settings.STRIPE_API_BASE = stripe.base_url
    stripe.answer = lambda path: WHOSE if "account" in path else Reply(end="trickle")
    slow = catalogue.PROBES["charge_read"]

    found = dict(gateway.ask(Secret(a_restricted_key()), [catalogue.WHOSE, slow]))

    assert (found[catalogue.WHOSE].answer, found[slow].problem) == (Answer.GRANTED, "timed_out")


def test_answer_that_stops_half_way_is_late_and_not_a_lost_connection(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.getsockname()[1]}"
        over = threading.Event()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                over.wait(10)

        thread = threading.Thread(target=answer)
        thread.start()
        finding = whose()
        over.set()
        thread.join()

    assert finding == Finding(Answer.UNKNOWN, problem="timed_out")


def test_nobody_takes_the_connection(settings: Settings) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):  # the queue is full with one; the next is not even refused
                one.setblocking(False)
                one.connect_ex(address)
            settings.STRIPE_API_BASE = f"http://127.0.0.1:{address[1]}"
            assert whose() == Finding(Answer.UNKNOWN, problem="timed_out")


def test_nobody_is_there(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{free.getsockname()[1]}"

        assert whose() == Finding(Answer.UNKNOWN, problem="no_connection")


def test_redirect_is_not_followed(stripe: ScriptedStripe, settings: Settings) -> None:
    elsewhere = Reply(302, headers=(("Location", f"{stripe.base_url}/elsewhere"),))

    assert said(stripe, settings, elsewhere) == "unreadable_answer"
    assert "/elsewhere" not in stripe.asked


@pytest.mark.parametrize(
    "reply",
    [
        Reply(302),
        Reply(200, b"\x1f\x8b\x08broken", (("Content-Encoding", "gzip"),)),
        Reply(200, b"[" * 100_000),
        Reply(200, b'{"object": "account", "id": ' + b"9" * 5000 + b"}"),
        Reply(200, b'{"object": "\xff"}'),
        saying([]),
        saying(None),
        saying({"error": "invalid_client"}, 401),
        saying({"error": "Service Unavailable"}, 401),
        saying({"error": None}, 401),
        saying(["error"], 401),
        saying("error", 403),
    ],
    ids=range(12),
)
def test_what_is_no_answer_of_the_api_is_silence(
    stripe: ScriptedStripe, settings: Settings, reply: Reply
) -> None:
    assert said(stripe, settings, reply) == "unreadable_answer"


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (401, "platform_api_key_expired", "not_about_this_key"),
        (403, "account_invalid", "account_refused"),
        (409, "lock_timeout", "locked"),
        (429, "lock_timeout", "locked"),
        (500, "lock_timeout", "locked"),
    ],
)
def test_codes_count_whatever_the_status(
    stripe: ScriptedStripe, settings: Settings, status: int, code: str, problem: str
) -> None:
    assert said(stripe, settings, refusal(status, "Words.", code=code)) == problem


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=WHOSE.body, end="trickle"),
        Reply(body=b'{"id": "' + b"x" * 5_000_000 + b'"}'),
        Reply(302, WHOSE.body, (("Location", "/elsewhere"),)),
    ],
    ids=["trickle", "too-large", "redirect"],
)
def test_what_the_app_calls_for_comes_whole_and_soon_or_not_at_all(
    stripe: ScriptedStripe, settings: Settings, reply: Reply
) -> None:
    settings.STRIPE_API_BASE, stripe.answer = stripe.base_url, lambda _: reply
    settings.STRIPE_PLATFORM_KEY_TEST = a_restricted_key()
    stripe.asked.clear()
    began = time.monotonic()

    with pytest.raises(StripeUnavailable) as raised:
        gateway.call_as_app("get", "/v2/iam/api_keys", {"limit": 1}, livemode=False, context=ACCOUNT)

    assert raised.value.__context__ is None
    assert stripe.asked == ["/v2/iam/api_keys?limit=1"]
    assert time.monotonic() - began < NOT_FOR_EVER
