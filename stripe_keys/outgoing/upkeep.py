"""What happens to outgoing messages in the course of time, and how many of them there are."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min, Q
from django.db.models.functions import Now

from stripe_keys.models import OutgoingMessage, PartnerEndpoint
from stripe_keys.outgoing import delivery, endpoints

KEPT = timedelta(days=30)
GIVEN_UP_AFTER = timedelta(days=4)
FORGOTTEN_AT_ONCE = 5_000
_State = OutgoingMessage.State


def list_endpoints() -> None:
    """Have a row for each configured endpoint in the ops desk, and for no other; costs nothing without any."""
    names = endpoints.configured()
    if not names:
        return
    known = set(PartnerEndpoint.objects.values_list("name", flat=True))
    if new := names.keys() - known:
        PartnerEndpoint.objects.bulk_create(
            [PartnerEndpoint(name=name) for name in sorted(new)], ignore_conflicts=True
        )
    if old := known - names.keys():
        PartnerEndpoint.objects.filter(name__in=old).delete()


def give_up() -> None:
    """Bury what has waited for four days for an endpoint that has taken nothing for as long."""
    failing = PartnerEndpoint.objects.filter(failing_since__lt=Now() - GIVEN_UP_AFTER)
    for name in failing.values_list("name", flat=True):
        late = OutgoingMessage.objects.filter(
            endpoint=name, state=_State.WAITING, created_at__lt=Now() - GIVEN_UP_AFTER
        )
        with transaction.atomic():
            if late.update(state=_State.DEAD, finished_at=Now(), problem="EndpointTookNothing"):
                delivery.tell_of_dead(name)


def forget_old() -> None:
    """Delete messages, delivered and dead, thirty days after their end."""
    old = OutgoingMessage.objects.filter(
        state__in=(_State.DONE, _State.DEAD), finished_at__lt=Now() - KEPT
    ).order_by("finished_at")
    while pks := list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
        OutgoingMessage.objects.filter(pk__in=pks).delete()


def counts(now: datetime) -> dict[str, dict[str, float]]:
    """For each endpoint: messages that wait, the age of the oldest of them in seconds, dead ones, and is it left alone.

    No statement is made where no endpoint is configured.
    """
    names = endpoints.configured()
    if not names:
        return {}
    found = {
        name: {"waiting": 0.0, "oldest_age_seconds": 0.0, "dead": 0.0, "left_alone": 0.0} for name in names
    }
    is_open = Q(state__in=(_State.WAITING, _State.CLAIMED))
    rows = OutgoingMessage.objects.exclude(state=_State.DONE).filter(endpoint__in=names)
    for row in rows.values("endpoint").annotate(
        waiting=Count("pk", filter=is_open),
        dead=Count("pk", filter=Q(state=_State.DEAD)),
        oldest=Min("created_at", filter=is_open),
    ):
        age = (now - row["oldest"]).total_seconds() if row["oldest"] else 0.0
        found[row["endpoint"]].update(
            waiting=float(row["waiting"]), dead=float(row["dead"]), oldest_age_seconds=max(age, 0.0)
        )
    alone = PartnerEndpoint.objects.filter(Q(gone_at__isnull=False) | Q(closed_until__isnull=False))
    for name in alone.filter(name__in=names).values_list("name", flat=True):
        found[name]["left_alone"] = 1.0
    return found
