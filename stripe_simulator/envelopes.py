"""The signed envelope around a delivery, and the ways to spoil it on purpose."""

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from stripe_simulator import tokens
from stripe_simulator.config import ConfigError

TREATMENTS = {
    "age": "seconds the signature's time lies in the past (negative: in the future)",
    "wrong_secret": "true: signed with a secret nobody has",
    "unsigned": "true: no signature header at all",
    "alter": "true: one byte changed after signing",
    "duplicate": "how many more copies",
    "delay": "seconds before the first attempt",
    "hold": "true: kept back until released",
    "drop": "true: never sent",
    "other_mode": "true: livemode turned round",
    "endpoint": "only this endpoint",
}


def encoded(value: dict[str, Any]) -> str:
    """Return the body as it goes over the wire."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def signature(body: bytes, secret: str, moment: int) -> str:
    """Return HMAC-SHA256 over `<moment>.<body>` in hexadecimal."""
    return hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(body: bytes, secrets: list[str], moment: int) -> str:
    """Return `t=…,v1=…`, one v1 for each secret."""
    return ",".join([f"t={moment}", *(f"v1={signature(body, secret, moment)}" for secret in secrets)])


def header(body: str, secrets: list[str], treatment: dict[str, Any], *, with_v0: bool) -> dict[str, str]:
    """Return the signature header of one attempt, spoilt as the treatment says."""
    if treatment.get("unsigned"):
        return {}
    moment = int(time.time() - float(treatment.get("age", 0)))
    used = ["whsec_" + tokens.letters(32)] if treatment.get("wrong_secret") else secrets
    original = body
    if treatment.get("alter"):
        original = body.removesuffix(" ")
    value = signed(original.encode(), used, moment)
    if with_v0:
        value += f",v0={signature(original.encode(), 'v0', moment)}"
    return {"Stripe-Signature": value}


def altered(body: str, treatment: dict[str, Any]) -> str:
    """Return the body as the treatment wants it sent."""
    if treatment.get("other_mode"):
        turned = {"true": "false", "false": "true"}
        body = re.sub(r'"livemode":(true|false)', lambda m: f'"livemode":{turned[m[1]]}', body, count=1)
    if treatment.get("alter"):
        body += " "
    return body


def checked(treatment: dict[str, Any]) -> dict[str, Any]:
    """Return the treatment; ConfigError when it holds an unknown word."""
    for name in treatment:
        if name not in TREATMENTS:
            raise ConfigError(f"There is no delivery treatment named {name}; known: {', '.join(TREATMENTS)}.")
    return treatment


@dataclass
class Rule:
    """A treatment for deliveries to come."""

    treatment: dict[str, Any]
    type: str = ""
    """Beginning of the event types it is for; empty for all."""
    times: int | None = 1


class Treatments:
    """Rules for deliveries to come; the first that fits is used."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        checked(rule.treatment)
        self._rules.append(rule)

    def take(self, event_type: str) -> dict[str, Any]:
        """Return the treatment of the first rule for this type, counting it; empty if there is none."""
        for rule in self._rules:
            if event_type.startswith(rule.type):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return dict(rule.treatment)
        return {}

    def clear(self) -> None:
        self._rules.clear()
