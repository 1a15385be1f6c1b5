"""A mail server that can be up or down."""

import email
import email.policy
import socket
from asyncio import AbstractServer
from collections.abc import Awaitable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pytest_django import Settings


class _Listener(Controller):
    """Listens on a socket that has its port already."""

    def __init__(self, handler: "MailServer", held: socket.socket) -> None:
        hostname, port = held.getsockname()
        super().__init__(handler, hostname=hostname, port=port)
        self._held = held

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._held)


class MailServer:
    """A real mail server on loopback. It is down until `start`; `mails` holds what it took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal = ""
        self._held = socket.socket()  # its port is taken from the beginning: bound, not listening, it refuses
        self._held.bind(("127.0.0.1", 0))
        self.port = int(self._held.getsockname()[1])
        self._controller: Controller | None = None

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take the recipient, or answer with `refusal`."""
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 # aiosmtpd's name
        """Keep the mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def start(self) -> None:
        """Be up."""
        self._controller = _Listener(self, self._held)
        self._controller.start()

    def stop(self) -> None:
        """Be down for good."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        self._held.close()


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """The site's mail server, down at first."""
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = server.port
    yield server
    server.stop()
