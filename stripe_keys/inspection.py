"""One look at a key through Stripe's answers: whose it is, and what it can do. Runs outside any transaction."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from stripe_keys import catalogue, gateway, needs, pace
from stripe_keys.arrivals import with_pauses
from stripe_keys.catalogue import Probe
from stripe_keys.gateway.answers import ACCEPTED, ALIVE, NOT_ITS_ACCOUNT, THROTTLED_PROBLEMS, Answer, Finding
from stripe_keys.gateway.questions import OnAccount
from stripe_keys.lifecycle import URGENT
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret
from work import engine
from work.pool import connection_to_pool

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
Outcome = PermissionCheck.Outcome
_OUTCOMES = {Answer.GRANTED: Outcome.GRANTED, Answer.MISSING_PERMISSION: Outcome.MISSING}
FIRST_QUESTIONS = 2
_SHOW_EVERY_SECONDS = 0.25
# All parts of a statement see the table as it was before: what `found` differs from is what was known until now.
_WRITE_OUTCOMES = """
    WITH found AS (SELECT * FROM unnest(%(names)s::text[], %(outcomes)s::text[]) AS found (name, outcome)),
    written AS (
        INSERT INTO {table} (key_id, validation_id, permission, outcome, checked_at)
        SELECT %(key)s, %(check)s, name, outcome, statement_timestamp() FROM found ORDER BY name
        ON CONFLICT (key_id, permission) DO UPDATE
        SET validation_id = excluded.validation_id, outcome = excluded.outcome, checked_at = excluded.checked_at)
    SELECT EXISTS (
        SELECT FROM {table} AS known JOIN found ON known.permission = found.name
        WHERE known.key_id = %(key)s AND known.outcome <> found.outcome
        AND known.outcome IN ('granted', 'missing') AND found.outcome IN ('granted', 'missing'))"""
# Of several things that went wrong in one look, the first of these is what people are told.
_GRAVEST_FIRST = (
    "key_expired",
    "not_about_this_key",
    "answers_differ",
    "address_refused",
    "account_refused",
    "key_refused",
    "stripe_error",
    "timed_out",
    "no_connection",
    "unreadable_answer",
    "locked",
    "conflict",
    "rate_limited",
    "",
)


@dataclass
class Inspection:
    """What one look at a key found out; `outcomes` maps permissions to granted, missing or unknown."""

    answer: Answer = Answer.UNKNOWN
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    is_accepted: bool = False
    """Whether any answer came from a Stripe that knows the key."""
    is_proven: bool = False
    """Whether Stripe said something certain: whose the key is by a 200, or whether it has a permission."""
    unanswered: int = 0
    is_probed: bool = False
    has_changed: bool = False
    """Whether a permission was granted or taken away since the last look."""
    is_heard: bool = True
    """Whether Stripe answered all that was asked to learn whose the key is."""
    claim: Finding | None = None
    """The answer to a request that named the account which the merchant has named."""
    named: set[str] = field(default_factory=set)
    """Every account that Stripe named as the key's: one that is certain, or those in the texts of refusals."""
    is_certain: bool = False

    def note(self, permission: str, finding: Finding) -> None:
        """Take the answer to a permission's own question; in which order answers come makes no difference.

        Of a key that Stripe has accepted in this look, only Stripe's word that it has expired says something else: a
        refusal of one question contradicts, and the next look will tell.
        """
        problem = finding.problem
        if finding.answer is Answer.REFUSED and self.answer is Answer.GRANTED:
            problem = "answers_differ"
        self.problem = min(self.problem, problem, key=_GRAVEST_FIRST.index)
        said = (Answer.EXPIRED, Answer.GRANTED, Answer.ADDRESS_REFUSED, Answer.REFUSED)
        heard = Answer.UNKNOWN if finding.answer in ALIVE else finding.answer
        self.answer = next((one for one in said if one in (self.answer, heard)), Answer.UNKNOWN)
        self.outcomes[permission] = _OUTCOMES.get(finding.answer, Outcome.UNKNOWN)
        self.unanswered += finding.answer not in ALIVE
        if finding.stripe_account_id and finding.answer is not Answer.GRANTED and not self.is_certain:
            self.named.add(finding.stripe_account_id)
        self.is_accepted |= finding.answer in ACCEPTED
        self.is_proven |= permission != catalogue.WHOSE.permission and finding.answer in _OUTCOMES
        # Whose the key is may be known without the permission to ask that; then nothing lacks it.
        if finding.answer is Answer.UNCLEAR and permission != catalogue.WHOSE.permission:
            self.unclear.append(permission)

    @property
    def missing(self) -> list[str]:
        """The required permissions that Stripe says the key lacks."""
        return [name for name, outcome in self.outcomes.items() if outcome == Outcome.MISSING]

    @property
    def is_complete(self) -> bool:
        """Whether Stripe has answered the question about every required permission, clearly or not."""
        return bool(self.outcomes) and not self.unanswered

    def denies(self, stripe_account_id: str) -> bool:
        """Whether Stripe has named another account, or said that the key does not reach this one."""
        others = self.named | ({self.claim.stripe_account_id} if self.claim else set())
        is_denied = self.claim is not None and self.claim.problem == NOT_ITS_ACCOUNT
        return is_denied or bool(others - {"", stripe_account_id})

    def confirms(self, stripe_account_id: str) -> bool:
        """Whether Stripe has named this account and no other.

        That a request on the account was let through does not say so: a platform's key reaches accounts of others.
        """
        return self.named == {stripe_account_id} and not self.denies(stripe_account_id)

    def lets_pass(self, stripe_account_id: str) -> bool:
        """Whether Stripe answered the request on this account without denying that the key is of it."""
        is_answered = self.claim is not None and self.claim.answer in ALIVE
        return is_answered and not self.denies(stripe_account_id)

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
    began = time.monotonic()
    findings = dict(gateway.ask(secret, _first_questions(key)))
    pace.note_seconds(key, time.monotonic() - began)
    first = findings.pop(catalogue.WHOSE)
    claim = next((one for probe, one in findings.items() if isinstance(probe, OnAccount)), None)
    told = [one for probe, one in findings.items() if not isinstance(probe, OnAccount)]
    inspection = first_impression(key, first, told)
    inspection.claim, inspection.is_heard = claim, all(one.answer in ALIVE for one in told)
    if inspection.answer is Answer.GRANTED and may_see_permissions(key, inspection):
        _probe_permissions(row, key, secret, inspection, first)
    return inspection


def budget_of(key: RestrictedKey) -> int:
    """How many requests a check of `key` takes out of its account's budget before the first one is sent."""
    return _all_questions(key) if asks_all_at_once(key) else FIRST_QUESTIONS


def asks_all_at_once(key: RestrictedKey) -> bool:
    """Whether it is known before the first answer that everything will be asked, and the budget ever allows as much."""
    return key.status != Status.PENDING and _all_questions(key) <= pace.at_once(livemode=key.livemode)


def _all_questions(key: RestrictedKey) -> int:
    others = [one for one in needs.of(key) if one.permission != catalogue.WHOSE.permission]
    return len(_first_questions(key)) + len(others)


def first_impression(key: RestrictedKey, first: Finding, told: Sequence[Finding]) -> Inspection:
    """What the first round says: the answer to the question whose key it is, and those `told` beside it.

    A 200 says for certain whose the key is. The text of a refusal is believed while no other one contradicts it.
    """
    is_certain = first.answer is Answer.GRANTED
    named = {one.stripe_account_id for one in ([first] if is_certain else [first, *told])} - {""}
    key_ids = {one.stripe_key_id for one in (first, *told)} - {""}
    found = Inspection(
        first.answer,
        min(named) if len(named) == 1 else "",
        key.stripe_key_id or (key_ids.pop() if len(key_ids) == 1 else ""),
        first.problem,
        named=set(named),
        is_certain=is_certain,
    )
    answers = {one.answer for one in (first, *told)}
    found.is_accepted, found.is_proven = bool(answers & {*ACCEPTED}), is_certain
    if Answer.EXPIRED in answers:
        found.answer, found.problem = Answer.EXPIRED, "key_expired"
    elif first.answer is Answer.REFUSED and found.is_accepted:
        found.answer, found.problem, found.stripe_account_id = Answer.UNKNOWN, "answers_differ", ""
        found.named.clear()
    elif is_certain and _is_about_another(key, found.stripe_account_id):
        found.answer, found.problem = Answer.UNKNOWN, "not_about_this_key"
        log.error("Stripe named another account than the key's own", extra={"key": str(key.pk)})
    elif first.answer in ALIVE:
        found.answer = Answer.GRANTED
    return found


def _is_about_another(key: RestrictedKey, stripe_account_id: str) -> bool:
    """Whether an answer belongs to some other key: what Stripe has said of a proven key's account never changes."""
    is_proven = key.status in key.USABLE and not key.account_is_claimed
    return is_proven and stripe_account_id != key.stripe_account_id


def _first_questions(key: RestrictedKey) -> list[Probe]:
    is_known = key.stripe_key_id and key.stripe_account_id and not key.account_is_claimed
    questions = [catalogue.WHOSE] if is_known else [catalogue.WHOSE, *_telling_probes(key)]
    if key.status == Status.PENDING and key.account_is_claimed:
        questions.append(OnAccount(**vars(catalogue.WHOSE), stripe_account_id=key.stripe_account_id))
    return questions


def _telling_probes(key: RestrictedKey) -> list[Probe]:
    asked = {one.permission for one in needs.of(key)}
    reads = [probe for name, probe in catalogue.PROBES.items() if name not in asked and probe.method == "get"]
    return reads[-1:]


def may_see_permissions(key: RestrictedKey, inspection: Inspection) -> bool:
    """Whether this merchant may learn what the key can do: only once its account is known to be theirs."""
    if key.status != Status.PENDING:
        return True
    account = inspection.stripe_account_id
    is_passed = key.account_is_claimed and inspection.lets_pass(key.stripe_account_id)
    if not account and (is_passed or key.is_app_managed):
        account = key.stripe_account_id
    return install_of(key, account) is not None


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
    required = [one.permission for one in needs.of(key)]
    inspection.is_probed = True
    if catalogue.WHOSE.permission in required:
        inspection.note(catalogue.WHOSE.permission, first)
    probes = [catalogue.PROBES[name] for name in required if name not in inspection.outcomes]
    shown_at, shown = time.monotonic(), 0
    for portion in pace.in_turns(key, probes, are_paid=asks_all_at_once(key)):
        connection_to_pool()
        answers = gateway.ask(secret, portion)
        for arrived in with_pauses(answers, _SHOW_EVERY_SECONDS) if row.priority <= URGENT else answers:
            if arrived is not None:
                inspection.note(arrived[0].permission, arrived[1])
            elif len(inspection.outcomes) == shown:
                continue
            if arrived is None or time.monotonic() - shown_at > _SHOW_EVERY_SECONDS:
                with engine.hold(row):
                    inspection.has_changed |= write_outcomes(row, inspection.outcomes)
                connection_to_pool()
                shown_at, shown = time.monotonic(), len(inspection.outcomes)


def write_outcomes(row: Validation, outcomes: dict[str, str]) -> bool:
    """What `row` found out about its key's permissions takes the place of what was known of them.

    Returns:
        Whether something that was granted is missing now, or the other way round.
    """
    if not outcomes:
        return False
    values: dict[str, Any] = {"key": row.key_id, "check": row.pk}
    values |= {"names": list(outcomes), "outcomes": list(outcomes.values())}
    table = connection.ops.quote_name(PermissionCheck._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_OUTCOMES.format(table=table), values)
        return bool(cursor.fetchone()[0])
