"""One look at a key through Stripe's answers: whose it is, and what it can do. Runs outside any transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from stripe_keys import gateway, permissions
from stripe_keys.gateway import Answer
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret

Status = RestrictedKey.Status
Outcome = PermissionCheck.Outcome


@dataclass
class Inspection:
    """What one look at a key found out; `outcomes` maps permissions to granted, missing or unknown."""

    answer: Answer = Answer.UNKNOWN
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    is_probed: bool = False

    def take(self, finding: gateway.Finding) -> None:
        """Learn from one more answer."""
        self.stripe_account_id = self.stripe_account_id or finding.stripe_account_id
        self.stripe_key_id = self.stripe_key_id or finding.stripe_key_id
        self.problem = self.problem or finding.problem
        if finding.answer in (Answer.REFUSED, Answer.EXPIRED, Answer.ADDRESS_REFUSED):
            self.answer = finding.answer

    @property
    def missing(self) -> list[str]:
        """The required permissions that Stripe says the key lacks."""
        return [name for name, outcome in self.outcomes.items() if outcome == Outcome.MISSING]

    @property
    def is_complete(self) -> bool:
        """Whether every required permission has a sure answer."""
        return bool(self.outcomes) and Outcome.UNKNOWN not in self.outcomes.values()


def whose(key: RestrictedKey, secret: Secret) -> Inspection:
    """Ask whose key it is. A request the app has no permission for is the only one that names the key's own id."""
    finding = gateway.whose_key(secret)
    inspection = Inspection(stripe_key_id=key.stripe_key_id)
    inspection.take(finding)
    if finding.answer in (Answer.GRANTED, Answer.MISSING_PERMISSION):
        inspection.answer = Answer.GRANTED
        granted = finding.answer is Answer.GRANTED
        inspection.outcomes["connected_account_read"] = Outcome.GRANTED if granted else Outcome.MISSING
        if not (inspection.stripe_key_id and inspection.stripe_account_id):
            for _, named in gateway.probe_all(secret, _telling_probes()):
                inspection.stripe_key_id = inspection.stripe_key_id or named.stripe_key_id
                inspection.stripe_account_id = inspection.stripe_account_id or named.stripe_account_id
    return inspection


def _telling_probes() -> Iterable[permissions.Probe]:
    asked = {one.permission for one in permissions.required()}
    return [probe for name, probe in permissions.PROBES.items() if name not in asked][-1:]


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


def probe_permissions(row: Validation, secret: Secret, inspection: Inspection) -> None:
    """Prove every required permission, writing each result as it arrives so that the page can show it."""
    PermissionCheck.objects.filter(validation=row).delete()
    required = [one.permission for one in permissions.required()]
    known = {name: outcome for name, outcome in inspection.outcomes.items() if name in required}
    inspection.outcomes, inspection.is_probed = {}, True
    for name, outcome in known.items():
        _note_outcome(row, inspection, name, outcome)
    probes = [permissions.PROBES[name] for name in required if name not in known]
    for name, finding in gateway.probe_all(secret, probes):
        inspection.take(finding)
        outcome = {Answer.GRANTED: Outcome.GRANTED, Answer.MISSING_PERMISSION: Outcome.MISSING}.get(
            finding.answer, Outcome.UNKNOWN
        )
        _note_outcome(row, inspection, name, outcome)


def _note_outcome(row: Validation, inspection: Inspection, name: str, outcome: str) -> None:
    inspection.outcomes[name] = outcome
    PermissionCheck.objects.create(validation=row, permission=name, outcome=outcome)
