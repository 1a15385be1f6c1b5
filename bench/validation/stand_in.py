"""`python -m bench.validation.stand_in RECORDING PORT SECONDS SLOW_SECONDS`: answers as the local Stripe did, cheaply.

It measures us and not itself: the local Stripe keeps accounts, faults and logs, and costs more than what asks it. Each
key gets the recorded answer with its own account's and its own id, both made from the key's text.
"""

import asyncio
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

SLOW_MARK = "Slow"
_ID_LETTERS = 16
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def ids_of(token: str) -> tuple[str, str]:
    """The account and the id of the key with that text; unknown to the site, which learns them by asking."""
    letters = token.rpartition("_")[2][:_ID_LETTERS]
    return f"acct_{letters}", f"mk_{letters}"


class Answers:
    """The recorded answers as bytes, for any key."""

    def __init__(self, recorded: dict[str, Any]) -> None:
        self._account, self._key_id = recorded["account"], recorded["key_id"]
        self._recorded = {
            f"{one['method'].upper()} {one['path']}".encode(): one for one in recorded["answers"]
        }
        self.whole = lru_cache(maxsize=100_000)(self._whole)

    def answer(self, question: bytes, fields: dict[bytes, bytes], token: str) -> bytes:
        """The whole answer to one question; `fields` are its headers."""
        return self.whole(question, token)

    def _whole(self, question: bytes, token: str) -> bytes:
        found = self._recorded.get(question)
        if found is None:
            return _UNKNOWN
        account, key_id = ids_of(token)
        body = str(found["body"]).replace(self._account, account).replace(self._key_id, key_id).encode()
        headers = {**found["headers"], "Content-Length": len(body), "Request-Id": "req_aBcDeFgHiJkLmN"}
        lines = [f"HTTP/1.1 {found['status']} Answer", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One connection that is kept alive: one request at a time, as HTTP clients send them."""

    def __init__(self, answers: Answers, seconds: float, slow_seconds: float) -> None:
        self._answers, self._seconds, self._slow_seconds = answers, seconds, slow_seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 # it is a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        fields = _fields(head)
        length = int(fields.get(b"content-length", b"0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        token = fields[b"authorization"].removeprefix(b"Bearer ").decode()
        seconds = self._slow_seconds if ids_of(token)[0].startswith(f"acct_{SLOW_MARK}") else self._seconds
        answer = self._answers.answer(head[: head.index(b" HTTP/")], fields, token)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, answer)
        else:
            self._transport.write(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.lower(): text.strip() for name, _, text in lines}


async def serve(recording: Path, port: int, seconds: float, slow_seconds: float) -> None:
    """Answer until the process ends."""
    answers = Answers(json.loads(recording.read_text()))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(answers, seconds, slow_seconds), "127.0.0.1", port, backlog=2048
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given, port, seconds, slow_seconds = sys.argv[1:]
    asyncio.run(serve(Path(given), int(port), float(seconds), float(slow_seconds)))
