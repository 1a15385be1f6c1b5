"""`python -m bench.webhooks.stand_in RECORDING PORT SECONDS`: that of bench.validation, which knows every event."""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench.validation.stand_in import Answers, Connection

_EVENT, _KEY = b"GET /v2/core/events/", b"GET /v2/iam/api_keys/"


class EventAnswers(Answers):
    """Whatever event is asked for says that the key of the account in whose context it is asked was updated."""

    def answer(self, question: bytes, fields: dict[bytes, bytes], token: str) -> bytes:
        """The whole answer to one question."""
        account = fields.get(b"stripe-context", b"").decode()
        if question.startswith(_EVENT):
            return _answer(_event(question.removeprefix(_EVENT).decode(), account))
        if question.startswith(_KEY):
            asked = question.removeprefix(_KEY).decode()
            return _answer({"id": asked, "object": "v2.iam.api_key", "status": "active", "expires_at": None})
        return super().answer(question, fields, token)


def _event(event_id: str, account: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "v2.core.event",
        "type": "v2.iam.api_key.updated",
        "livemode": False,
        "created": "2026-11-21T10:00:00.000Z",
        "context": account,
        "data": {"api_key": account.replace("acct_", "mk_")},
        "reason": None,
    }


def _answer(told: dict[str, Any]) -> bytes:
    body = json.dumps(told).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


async def serve(recording: Path, port: int, seconds: float) -> None:
    """Answer until the process ends."""
    answers = EventAnswers(json.loads(recording.read_text()))
    connecting = partial(Connection, answers, seconds, seconds)
    server = await asyncio.get_running_loop().create_server(connecting, "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given, port, seconds = sys.argv[1:]
    asyncio.run(serve(Path(given), int(port), float(seconds)))
