"""The SDK's calls by the names that code gives them, from the list beside this module (`sdk_calls.txt`).

A name is written as code writes it, from what it begins with: `client.` is any `StripeClient`, `stripe.` the SDK's
module. `stripe.Account.retrieve()` with the brackets is that method called without an id.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("sdk_calls.txt")


@dataclass(frozen=True)
class Request:
    """What a call asks Stripe: GET `/v1/customers/{customer}`, a method in capitals and the template of a path."""

    method: str
    path: str

    @property
    def shape(self) -> tuple[str, str]:
        """The same for two requests that differ in the names of their placeholders only."""
        return self.method, re.sub(r"\{\w+\}", "{}", self.path)


@cache
def requests() -> dict[str, Request]:
    """Every call of the SDK that makes a request, by name."""
    return {name: Request(*rest) for name, *rest in _lines() if rest}


@cache
def without_request() -> frozenset[str]:
    """What the SDK's clients and classes can do without a request of their own."""
    return frozenset(name for name, *rest in _lines() if not rest)


@cache
def places() -> frozenset[str]:
    """Every place on the way to a call: `client`, `client.v1`, `client.v1.customers`, `stripe.Customer`…"""
    names = (name.split(".") for name in (*requests(), *without_request()))
    return frozenset(".".join(parts[:depth]) for parts in names for depth in range(1, len(parts)))


def _lines() -> list[list[str]]:
    text = LIST.read_text(encoding="ascii")
    return [line.split() for line in text.splitlines() if not line.startswith("#")]
