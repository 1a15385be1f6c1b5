"""The way to an endpoint and back: an end to it in time, whatever addresses, names and answers do."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.utils import timezone
from pytest_django import Settings

from stripe_keys.outgoing import endpoints, sending
from tests.stripe_keys.outgoing.receiver import Receiver
from tests.waiting import NOT_FOR_EVER


def send() -> int:
    """Post a message to the endpoint of the settings; the status of the answer."""
    return sending.send(endpoints.configured()["ledger"], message_id="msg_1", body="{}", now=timezone.now())


def trouble() -> tuple[str, bool]:
    """What there is instead of an answer, and whether that was known soon."""
    began = time.monotonic()
    with pytest.raises(sending.NoAnswer) as reason:
        send()
    return reason.value.code, time.monotonic() - began < NOT_FOR_EVER


@pytest.fixture
def elsewhere(receiver: Receiver, settings: Settings) -> None:
    """An endpoint with a name, which must be looked up."""
    settings.PARTNER_WEBHOOKS = ["ledger=https://ledger.example.com/"]


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """An address where nothing answers, not even with a refusal: whoever listens there takes nobody any more."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.settimeout(0.05)
            with suppress(TimeoutError):
                one.connect(listening.getsockname())
        yield listening.getsockname()
        for one in waiting:
            one.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("manner", ["endless", "astray"])
def test_the_body_of_a_redirect_is_not_read_nor_where_it_points(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr(sending, "IN_ALL_SECONDS", 2.0)
    receiver.answers = [manner]

    assert send() == 302


@pytest.mark.usefixtures("elsewhere")
def test_many_dead_addresses_are_not_all_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(sending, "IN_ALL_SECONDS", 0.3)

    with dead_address() as address:
        resolve_to(monkeypatch, *[address] * 200)
        assert trouble() == ("too_slow", True)


@pytest.mark.usefixtures("elsewhere")
def test_a_dead_address_is_waited_for_no_longer_than_it_takes_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.1)

    with dead_address() as address:
        resolve_to(monkeypatch, address)
        assert trouble() == ("timeout", True)


def test_the_next_address_is_tried_where_one_is_dead(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ("127.0.0.1", 9), ("127.0.0.1", receiver.port))

    assert send() == 204


@pytest.mark.usefixtures("elsewhere")
def test_a_slow_look_up_of_a_name_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> list[object]:
        receiver.released.wait(60)
        return []

    monkeypatch.setattr(sending, "IN_ALL_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", slow)

    assert trouble() == ("too_slow", True)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "refusal", [socket.gaierror(socket.EAI_NONAME, "nobody knows"), UnicodeError("label too long")], ids=str
)
def test_a_name_that_nobody_knows_is_no_connection(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert trouble() == ("no_connection", True)
