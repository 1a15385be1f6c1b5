"""`python -m local_stack.mail_catcher`: takes every mail by SMTP and shows it instead of sending it.

Pages: `GET /` (all mails, newest first) and `GET /messages/ID`. JSON: `GET /messages.json`, `DELETE /messages.json`,
`GET /health`. It listens on loopback unless told otherwise, and forgets everything when it ends.
"""

import argparse
import asyncio
import contextlib
import email
import email.policy
import re
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import count
from pathlib import Path

import jinja2
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from markupsafe import Markup, escape

KEEP = 500
LARGEST_MAIL_BYTES = 5_000_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "mail_pages"), autoescape=True
)


@dataclass(frozen=True)
class Mail:
    """One mail as it was received; `text` is its plain part, `links` the addresses in it, in order."""

    id: int
    received_at: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str
    links: list[str] = field(default_factory=list)


class Mailbox:
    """The mails of this process, newest first; the oldest are forgotten beyond `KEEP`."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=KEEP)
        self._numbers = count(1)

    def all(self) -> list[Mail]:
        """Every mail, newest first."""
        return list(self._mails)

    def get(self, number: int) -> Mail | None:
        """The mail with this id."""
        return next((mail for mail in self._mails if mail.id == number), None)

    def clear(self) -> None:
        """Forget every mail."""
        self._mails.clear()

    def add(self, *, content: bytes, recipients: Sequence[str]) -> None:
        """Read a mail as it came over SMTP and keep it."""
        message = email.message_from_bytes(content, policy=email.policy.default)
        text = _part(message, "plain")
        self._mails.appendleft(
            Mail(
                id=next(self._numbers),
                received_at=datetime.now(UTC).isoformat(timespec="seconds"),
                sender=str(message["From"] or ""),
                to=list(recipients),
                subject=str(message["Subject"] or ""),
                text=text,
                html=_part(message, "html"),
                links=_LINK.findall(text),
            )
        )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


class Receiver:
    """aiosmtpd's handler: whatever comes goes into the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one mail."""
        self.mailbox.add(content=envelope.content or b"", recipients=envelope.rcpt_tos)  # type: ignore[arg-type]
        return "250 Kept"


def make_app(mailbox: Mailbox) -> web.Application:
    """The pages and the JSON over this mailbox."""

    async def index(request: web.Request) -> web.Response:
        return _page("index.html", mails=mailbox.all())

    async def show(request: web.Request) -> web.Response:
        mail = mailbox.get(int(request.match_info["id"]))
        if mail is None:
            raise web.HTTPNotFound
        return _page("message.html", mail=mail, text=with_links(mail.text))

    async def as_json(request: web.Request) -> web.Response:
        return web.json_response([asdict(mail) for mail in mailbox.all()], headers=HEADERS)

    async def clear(request: web.Request) -> web.Response:
        mailbox.clear()
        return web.json_response([], headers=HEADERS)

    async def style(request: web.Request) -> web.Response:
        sheet = (Path(__file__).parent / "mail_pages" / "style.css").read_text()
        return web.Response(text=sheet, content_type="text/css", headers=HEADERS)

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app = web.Application()
    app.add_routes(
        [
            web.get("/", index),
            web.get(r"/messages/{id:\d{1,9}}", show),
            web.get("/messages.json", as_json),
            web.delete("/messages.json", clear),
            web.get("/style.css", style),
            web.get("/health", health),
        ]
    )
    return app


def with_links(text: str) -> Markup:
    """The text as HTML, its web addresses made into links and everything else escaped."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(found.group()))
        end = found.end()
    return Markup().join([*parts, escape(text[end:])])


def _page(name: str, **values: object) -> web.Response:
    html = _PAGES.get_template(name).render(**values)
    return web.Response(text=html, content_type="text/html", headers=HEADERS)


async def serve(*, host: str, smtp_port: int, port: int) -> None:
    """Take mail and show it until SIGINT or SIGTERM."""
    mailbox, loop, told = Mailbox(), asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, told.set)
    smtp = await loop.create_server(
        lambda: SMTP(Receiver(mailbox), data_size_limit=LARGEST_MAIL_BYTES, enable_SMTPUTF8=True, loop=loop),
        host,
        smtp_port,
    )
    runner = web.AppRunner(make_app(mailbox), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        print(f"Mail is taken on {host}:{smtp_port} and shown on http://{host}:{port}", flush=True)
        await told.wait()
    finally:
        smtp.close()
        await runner.cleanup()


def main() -> int:
    """Serve; 2 when an address cannot be used."""
    parser = argparse.ArgumentParser(prog="mail_catcher", description="Takes mail and shows it.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--port", type=int, default=8025, help="of its pages")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve(host=options.host, smtp_port=options.smtp_port, port=options.port))
        except OSError as error:
            print(f"The mail catcher cannot listen: {error.strerror}.", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
