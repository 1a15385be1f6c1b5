"""Loopback ports: finding free ones, and telling whether one is taken."""

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from local_stack.problems import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Ports:
    """The loopback ports of a stack; without arguments the demo's."""

    site: int = 8000
    simulator: int = 8100
    mail: int = 8025
    smtp: int = 1025

    def by_name(self) -> dict[str, int]:
        """What listens, in words, and its port."""
        return dict(zip(_VARIABLES, (self.site, self.simulator, self.mail, self.smtp), strict=True))

    @staticmethod
    def variable_of(name: str) -> str:
        """The variable that chooses the port of what `by_name` calls `name`."""
        return _VARIABLES[name]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The demo's ports, each changed by its variable where that is set; StackError for what is no port."""
        defaults = cls().by_name()
        chosen = []
        for name, variable in _VARIABLES.items():
            text = environment.get(variable) or str(defaults[name])
            if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
                raise StackError(f"{variable} is {text!r}; a port is a number from 1 to 65535.")
            chosen.append(int(text))
        if len(set(chosen)) < len(chosen):
            raise StackError(
                f"Two of the ports {', '.join(map(str, chosen))} are the same; each needs its own."
            )
        return cls(*chosen)


_VARIABLES = {
    "the site": "PORT",
    "the local Stripe": "SIMULATOR_PORT",
    "the mail catcher's page": "MAIL_PORT",
    "the mail catcher": "SMTP_PORT",
}


def free_ports() -> Ports:
    """Four different ports that are free at this moment, for a stack of its own."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(4)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return Ports(*(int(probe.getsockname()[1]) for probe in probes))
