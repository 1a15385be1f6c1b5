"""What a stack runs under supervisord, and how each process shows that it answers."""

import http.client
import json
import sys
from pathlib import Path
from typing import Any

from local_stack.ports import LOOPBACK, Ports
from local_stack.supervision import Program

_PYTHON = (sys.executable, "-m")
_WORKER = ("--without-gossip", "--without-mingle")


def programs(ports: Ports, *, simulator_config: Path) -> tuple[Program, ...]:
    """Web, worker, local Stripe and mail catcher on these ports; the site's side reads its environment."""
    stripe = ("--config", str(simulator_config), "--port", str(ports.simulator))
    mail = ("--port", str(ports.mail), "--smtp-port", str(ports.smtp))
    return (
        Program("simulator", (*_PYTHON, "stripe_simulator", *stripe)),
        Program("mail", (*_PYTHON, "local_stack.mail_catcher", *mail)),
        Program("web", (*_PYTHON, "gunicorn", "-c", "partner_site/gunicorn.py", "partner_site.wsgi")),
        Program("worker", (*_PYTHON, "celery", "-A", "partner_site", "worker", *_WORKER)),
    )


def answers(name: str, ports: Ports) -> bool:
    """Whether that process (any but the worker, which listens nowhere) answers now that it is well."""
    port, path = {
        "web": (ports.site, "/healthz"),
        "simulator": (ports.simulator, "/_simulator/health"),
        "mail": (ports.mail, "/health"),
    }[name]
    try:
        return get(port, path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def has_begun_to_consume(worker_log: Path, *, after: int) -> bool:
    """Whether the worker has printed its banner beyond byte `after` of its log: the moment it takes bells."""
    with worker_log.open("rb") as file:
        file.seek(after)
        return b" ready." in file.read()


def get_json(port: int, path: str) -> Any:
    """What a process on this loopback port answers, read as JSON."""
    return json.loads(get(port, path)[1])


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET to this loopback port."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
