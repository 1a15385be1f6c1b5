"""Looks that prove nothing, as Stripe's answers contradict each other: of several in a row ops are told."""

from datetime import datetime

from accounts.notices import tell_ops
from stripe_keys.inspection import Inspection
from stripe_keys.models import RestrictedKey, Validation

CONTRADICTED = "contradicted"
IN_A_ROW = 5
_CONTRADICTIONS = ("answers_differ", "not_about_this_key")


def is_doubtful(inspection: Inspection) -> bool:
    """Whether Stripe knew the key in one answer, refused it in another, and said nothing certain."""
    return inspection.is_accepted and not inspection.is_proven and inspection.problem in _CONTRADICTIONS


def tell_of_many(key: RestrictedKey, now: datetime) -> None:
    """Tell ops, once a day, if the last IN_A_ROW looks at `key` were such; the present one's verdict is written."""
    ended = Validation.objects.checks().filter(key=key, finished_at__isnull=False).exclude(verdict="")
    latest = list(ended.order_by("-finished_at").values_list("verdict", flat=True)[:IN_A_ROW])
    if key.is_usable and latest == [CONTRADICTED] * IN_A_ROW:
        tell_ops(
            subject="Stripe contradicts itself about a key in use",
            body=f"Stripe accepted and refused the key {key.pk} of merchant {key.merchant_id} at the same time, in each"
            f" of the last {IN_A_ROW} checks. It goes on being used, and nobody knows whether it works: look into it.",
            dedupe_key=f"contradicted:{key.pk}:{now:%Y%m%d}",
        )
