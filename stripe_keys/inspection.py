"""One look at a key through Stripe's answers: whose it is, and what it can do. Runs outside any transaction."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection
from django.db.models.functions import Now

from stripe_keys import catalogue, gateway, pace, permissions
from stripe_keys.answers import ALIVE, DEAD, THROTTLED_PROBLEMS, Answer, Finding
from stripe_keys.catalogue import Probe
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret
from work import engine

Status = RestrictedKey.Status
Outcome = PermissionCheck.Outcome
_OUTCOMES = {Answer.GRANTED: Outcome.GRANTED, Answer.MISSING_PERMISSION: Outcome.MISSING}
FIRST_QUESTIONS = 2
_SHOW_EVERY_SECONDS = 0.25


@dataclass
class Inspection:
    """What one look at a key found out; `outcomes` maps permissions to granted, missing or unknown."""

    answer: Answer = Answer.UNKNOWN
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    is_probed: bool = False

    def take(self, finding: Finding) -> None:
        """Learn from one more answer."""
        self.stripe_account_id = self.stripe_account_id or finding.stripe_account_id
        self.stripe_key_id = self.stripe_key_id or finding.stripe_key_id
        self.problem = self.problem or finding.problem
        if finding.answer in (*DEAD, Answer.ADDRESS_REFUSED):
            self.answer = finding.answer

    def note(self, permission: str, finding: Finding) -> None:
        """Take the answer to a permission's own question."""
        self.take(finding)
        self.outcomes[permission] = _OUTCOMES.get(finding.answer, Outcome.UNKNOWN)
        self.unanswered += finding.answer not in ALIVE

    @property
    def missing(self) -> list[str]:
        """The required permissions that Stripe says the key lacks."""
        return [name for name, outcome in self.outcomes.items() if outcome == Outcome.MISSING]

    @property
    def is_complete(self) -> bool:
        """Whether Stripe has answered the question about every required permission, clearly or not."""
        return bool(self.outcomes) and not self.unanswered

    @property
    def is_throttled(self) -> bool:
        """Whether it was too many requests that kept answers away, not Stripe being down."""
        return self.problem in THROTTLED_PROBLEMS


def inspect(row: Validation, key: RestrictedKey, secret: Secret) -> Inspection:
    """Ask Stripe everything about `key`: two rounds of questions, all those of a round at the same time.

    The first asks whose key it is; a request that the app has no permission for is the only one that names the key's
    own id. The second asks for every required permission, if the merchant may know what the key can do.
    """
    connection_to_pool()
    inspection = Inspection(stripe_key_id=key.stripe_key_id)
    first = Finding(Answer.UNKNOWN)
    telling = [] if key.stripe_key_id and key.stripe_account_id else _telling_probes()
    for probe, finding in gateway.ask(secret, [catalogue.WHOSE, *telling]):
        if probe is catalogue.WHOSE:
            first = finding
        else:
            inspection.stripe_key_id = inspection.stripe_key_id or finding.stripe_key_id
            inspection.stripe_account_id = inspection.stripe_account_id or finding.stripe_account_id
    inspection.take(first)
    if first.answer in ALIVE:
        inspection.answer = Answer.GRANTED
        if may_see_permissions(key, inspection):
            _probe_permissions(row, key, secret, inspection, first)
    return inspection


def connection_to_pool() -> None:
    """Let others have this thread's connection to the database while it waits for Stripe."""
    if not connection.in_atomic_block:
        connection.close()


def _telling_probes() -> list[Probe]:
    asked = {one.permission for one in permissions.required()}
    reads = [probe for name, probe in catalogue.PROBES.items() if name not in asked and probe.method == "get"]
    return reads[-1:]


def may_see_permissions(key: RestrictedKey, inspection: Inspection) -> bool:
    """Whether this merchant may learn what the key can do: only once its account is known to be theirs."""
    if key.status != Status.PENDING:
        return True
    return install_of(key, inspection.stripe_account_id) is not None


def install_of(key: RestrictedKey, stripe_account_id: str) -> StripeInstall | None:
    return StripeInstall.objects.filter(
        merchant=key.merchant_id,
        livemode=key.livemode,
        stripe_account_id=stripe_account_id,
        status=StripeInstall.Status.INSTALLED,
    ).first()


def _probe_permissions(
    row: Validation, key: RestrictedKey, secret: Secret, inspection: Inspection, first: Finding
) -> None:
    """Prove every required permission; during a long check results are written so that the page can show them."""
    required = [one.permission for one in permissions.required()]
    inspection.is_probed = True
    if catalogue.WHOSE.permission in required:
        inspection.note(catalogue.WHOSE.permission, first)
    probes = [catalogue.PROBES[name] for name in required if name not in inspection.outcomes]
    shown_at = time.monotonic()
    for portion in pace.in_turns(key, probes):
        connection_to_pool()
        for probe, finding in gateway.ask(secret, portion):
            inspection.note(probe.permission, finding)
            if time.monotonic() - shown_at > _SHOW_EVERY_SECONDS:
                with engine.hold(row):
                    write_outcomes(row, inspection.outcomes)
                connection_to_pool()
                shown_at = time.monotonic()


def write_outcomes(row: Validation, outcomes: dict[str, str]) -> None:
    """What `row` found out about its key's permissions takes the place of what was known of them."""
    found: Iterable[PermissionCheck] = [
        PermissionCheck(key_id=row.key_id, validation=row, permission=name, outcome=outcome, checked_at=Now())
        for name, outcome in sorted(outcomes.items())
    ]
    PermissionCheck.objects.bulk_create(
        found,
        update_conflicts=True,
        unique_fields=["key", "permission"],
        update_fields=["validation", "outcome", "checked_at"],
    )
