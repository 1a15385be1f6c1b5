"""The stand-in for a mail server: takes everything, sends nothing, shows all of it."""

import http.client
import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from local_stack.folders import PROJECT
from local_stack.lifetimes import wait_until
from local_stack.mail_catcher import Mailbox, with_links
from local_stack.ports import LOOPBACK, Ports, free_ports
from local_stack.programs import get, get_json

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def catcher() -> Iterator[Ports]:
    """A running mail catcher."""
    ports = free_ports()
    command = [sys.executable, "-m", "local_stack.mail_catcher"]
    command += ["--port", str(ports.mail), "--smtp-port", str(ports.smtp)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL) as process:
        assert wait_until(lambda: is_up(ports), seconds=20)
        yield ports
        process.terminate()


@pytest.fixture(autouse=True)
def an_empty_mailbox(catcher: Ports) -> None:
    """Begin each test without mail."""
    connection = http.client.HTTPConnection(LOOPBACK, catcher.mail)
    connection.request("DELETE", "/messages.json")
    assert connection.getresponse().status == 200
    connection.close()


def is_up(ports: Ports) -> bool:
    """Whether the catcher answers."""
    try:
        return get(ports.mail, "/health")[0] == 200
    except OSError:
        return False


def send(ports: Ports, **parts: str) -> None:
    """Send one mail the way the site does."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "Site <no-reply@site.example>", "ada@example.com"
    mail["Subject"] = parts.get("subject", "Hello")
    mail.set_content(parts.get("text", "Hello Ada"))
    if "html" in parts:
        mail.add_alternative(parts["html"], subtype="html")
    with smtplib.SMTP(LOOPBACK, ports.smtp) as server:
        server.send_message(mail)


def messages(ports: Ports) -> list[dict[str, Any]]:
    """The mails as JSON."""
    return list(get_json(ports.mail, "/messages.json"))


def test_mail_is_kept_newest_first(catcher: Ports) -> None:
    send(catcher, subject="First")
    send(catcher, subject="Second: ä", text="Go to https://site.example/confirm/abc/.", html="<b>hi</b>")

    newest, older = messages(catcher)

    assert (newest["subject"], older["subject"]) == ("Second: ä", "First")
    assert newest["to"] == ["ada@example.com"]
    assert newest["sender"] == "Site <no-reply@site.example>"
    assert newest["links"] == ["https://site.example/confirm/abc/"]
    assert newest["html"].strip() == "<b>hi</b>"


def test_the_page_lists_mails_and_shows_one_with_its_links(catcher: Ports) -> None:
    send(catcher, subject="Confirm", text="Open https://site.example/a/?b=1&c=2 now")
    number = messages(catcher)[0]["id"]

    index = get(catcher.mail, "/")[1].decode()
    page = get(catcher.mail, f"/messages/{number}")[1].decode()

    assert f'href="/messages/{number}">Confirm</a>' in index
    assert '<a href="https://site.example/a/?b=1&amp;c=2"' in page


def test_nothing_in_a_mail_becomes_markup(catcher: Ports) -> None:
    send(catcher, subject="<script>one</script>", text="<script>two</script>")
    number = messages(catcher)[0]["id"]

    for path in ("/", f"/messages/{number}"):
        assert "<script>" not in get(catcher.mail, path)[1].decode()


def test_an_unknown_mail_is_404(catcher: Ports) -> None:
    assert get(catcher.mail, "/messages/999999")[0] == 404


def test_a_deleted_mailbox_is_empty(catcher: Ports) -> None:
    send(catcher)

    connection = http.client.HTTPConnection(LOOPBACK, catcher.mail)
    connection.request("DELETE", "/messages.json")
    answer = json.loads(connection.getresponse().read())
    connection.close()

    assert answer == []
    assert messages(catcher) == []
    assert "No mail yet" in get(catcher.mail, "/")[1].decode()


def test_a_taken_port_is_one_sentence(catcher: Ports) -> None:
    command = [sys.executable, "-m", "local_stack.mail_catcher", "--port", str(catcher.mail)]
    ended = subprocess.run(
        [*command, "--smtp-port", str(free_ports().smtp)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith("The mail catcher cannot listen: ")
    assert "Traceback" not in ended.stderr


def test_a_mail_without_parts_is_kept_too() -> None:
    mailbox = Mailbox()

    mailbox.add(content=b"", recipients=["ada@example.com"])

    assert mailbox.all()[0].subject == ""


def test_only_web_addresses_become_links() -> None:
    assert "<a" not in with_links("javascript:alert(1) <a>")
    assert with_links("(https://a.example/b).").count("<a") == 1
