"""A probe as a request, and the reply to it as a finding: between the wire and what answers mean."""

import json
from dataclasses import dataclass
from typing import Any

from stripe_keys import catalogue
from stripe_keys.catalogue import Probe
from stripe_keys.gateway import answers
from stripe_keys.gateway.answers import Finding
from stripe_keys.gateway.wire import Question, Reply, Trouble


@dataclass(frozen=True)
class OnAccount(Probe):
    """A harmless request made on an account that it names, to see whether Stripe lets the key reach it.

    Source: https://docs.stripe.com/connect/authentication; what Stripe makes of a key that names its own account is not
    documented (`docs/stripe-assumptions.md`).
    """

    stripe_account_id: str = ""


def question_of(probe: Probe) -> Question:
    """The request that asks what `probe` wants to know."""
    if isinstance(probe, OnAccount):
        return Question(probe.method, probe.path, {"Stripe-Account": probe.stripe_account_id})
    return Question(probe.method, probe.path)


def finding_of(probe: Probe, reply: Reply, *, livemode: bool) -> Finding:
    """What the reply to `probe` means for the key that asked, which is of that mode."""
    if reply.trouble in (Trouble.TIMED_OUT, Trouble.LOST):
        return answers.of_silence(timed_out=reply.trouble is Trouble.TIMED_OUT)
    if reply.trouble is Trouble.NOT_HTTP or 300 <= reply.status < 400:
        return answers.of_rubbish()
    body = _read_json(reply.body)
    asks_whose = probe is catalogue.WHOSE or isinstance(probe, OnAccount)
    if reply.status < 300:
        expects = "account" if asks_whose else "list" if "limit=" in probe.path else ""
        return answers.of_success(body, status=reply.status, livemode=livemode, expects=expects)
    finding = answers.of_refusal(
        reply.status,
        body,
        asked=probe.permission,
        also_called=probe.link_name,
        may_need=probe.may_need,
        asks_whose=asks_whose,
    )
    return answers.of_refused_claim(body, finding) if isinstance(probe, OnAccount) else finding


def _read_json(body: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
