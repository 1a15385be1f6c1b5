"""What a metrics collector may read at /metrics: numbers from the database alone, so that every process says the same.

No label names a merchant, a key or a person.
"""

import hmac
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseTrouble
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from partner_site import inbox_metrics
from partner_site.gauges import gauge
from stripe_keys.models import (
    AccountPace,
    KeyManagement,
    LedgerEntry,
    MerchantDataKey,
    RestrictedKey,
    Retirement,
    SiteDataKey,
    StripeIncident,
    VaultAudit,
)
from stripe_keys.outgoing import upkeep
from stripe_keys.retirement_rows import STILL_ACCEPTED
from webhooks import secrets_in_use
from webhooks.models import Reconciliation, SigningSecretUse
from work.engine import queues
from work.models import DueRow

_LONGEST_HEADER = 1024
_LATE = timedelta(hours=2)


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus's text format whoever sends METRICS_TOKEN as a bearer token; for others there is no page.

    503 while the database is away.
    """
    # A session was looked for and had none to find; saying so (`Vary`) would tell this address from an unknown one.
    request.session.accessed = False
    if not _is_known(request.headers.get("Authorization", "")):
        raise Http404
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        text = generate_latest(_registry)
    except (DatabaseTrouble, psycopg.Error):
        return HttpResponse("The database is away.\n", status=503, content_type="text/plain")
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_known(header: str) -> bool:
    """Whether the header brings the token; compared in constant time, as bytes, since a header may hold any."""
    scheme, _, token = header[:_LONGEST_HEADER].partition(" ")
    expected = settings.METRICS_TOKEN.encode()
    given = token.strip().encode(errors="backslashreplace")
    return bool(expected) and scheme.lower() == "bearer" and hmac.compare_digest(given, expected)


class FromTheDatabase(Collector):
    """Every number, read at the moment it is asked for."""

    def collect(self) -> Iterable[Metric]:
        """All families of metrics."""
        yield from _last_audit()
        yield from _data_keys()
        yield from _restricted_keys()
        yield from _due_rows()
        yield from _stripe()
        yield from _managed_keys()
        yield from _partner()
        yield from _signing_secrets()
        yield from _searches()
        yield from inbox_metrics.families(timezone.now())


def _last_audit() -> Iterator[Metric]:
    """Absent before the first audit has finished: alert on that too."""
    audit = VaultAudit.objects.exclude(finished_at=None).order_by("-finished_at").first()
    if audit is None or audit.finished_at is None:
        return
    rows = [
        ([kind, name], float(count))
        for kind, by_class in sorted(audit.counts.items())
        for name, count in sorted(by_class.items())
    ]
    yield gauge(
        "vault_rows", "Encrypted rows, as the last finished audit found them.", ["kind", "class"], rows
    )
    moments = {
        "vault_audit_finished_timestamp_seconds": (
            "When the last finished audit ended.",
            audit.finished_at.timestamp(),
        ),
        "vault_audit_age_seconds": (
            "How long ago that was.",
            (timezone.now() - audit.finished_at).total_seconds(),
        ),
        "vault_audit_duration_seconds": (
            "How long it took.",
            (audit.finished_at - audit.started_at).total_seconds(),
        ),
    }
    for name, (words, value) in moments.items():
        yield gauge(name, words, [], [([], value)])


def _data_keys() -> Iterator[Metric]:
    counts = {"merchant": MerchantDataKey.objects, "site": SiteDataKey.objects}
    rows = [
        ([owner, kek_id], float(count))
        for owner, manager in counts.items()
        for kek_id, count in manager.counts_by_kek_id().items()
    ]
    words = "Data keys by the key-encryption key that wraps them."
    yield gauge("vault_data_keys", words, ["owner", "kek_id"], rows)


def _restricted_keys() -> Iterator[Metric]:
    grouped = RestrictedKey.objects.order_by("status", "livemode").values_list("status", "livemode")
    rows = [
        ([status, "live" if livemode else "test"], float(count))
        for status, livemode, count in grouped.annotate(count=Count("pk"))
    ]
    yield gauge("restricted_keys", "Restricted keys by status and mode.", ["status", "mode"], rows)
    quarantined = RestrictedKey.objects.kept().filter(quarantined_at__isnull=False).count()
    words = "Kept keys that do not open and wait to be pasted again."
    yield gauge("restricted_keys_quarantined", words, [], [([], float(quarantined))])


def _due_rows() -> Iterator[Metric]:
    now = timezone.now()
    told = {queue.name: _of_queue(queue.model, now) for queue in queues().values()}
    for name, words in (
        ("due_rows_waiting", "Rows that are due and wait."),
        ("due_rows_oldest_age_seconds", "For how long the oldest of them has been due; 0 when none waits."),
        ("due_rows_dead", "Rows that were given up, for people to look at."),
    ):
        yield gauge(name, words, ["queue"], [([queue], row[name]) for queue, row in sorted(told.items())])
    waiting = LedgerEntry.objects.exclude(state__in=[DueRow.State.DONE, DueRow.State.DEAD]).count()
    words = "Erasures that are not yet written into the deletion ledger."
    yield gauge("ledger_entries_waiting", words, [], [([], float(waiting))])


def _stripe() -> Iterator[Metric]:
    now = timezone.now()
    open_now = set(StripeIncident.objects.filter(ended_at=None).values_list("kind", flat=True))
    rows = [([kind], float(kind in open_now)) for kind in StripeIncident.Kind.values]
    yield gauge("stripe_incident_open", "1 while an incident of that kind is open.", ["kind"], rows)
    paces = AccountPace.objects.aggregate(
        breakers=Count("pk", filter=Q(closed_until__gt=now)), slow=Count("pk", filter=Q(slow_until__gt=now))
    )
    words = "Accounts that are left alone because Stripe did not answer about them."
    yield gauge("stripe_breakers_open", words, [], [([], float(paces["breakers"]))])
    words = "Accounts whose answers took long lately."
    yield gauge("stripe_slow_accounts", words, [], [([], float(paces["slow"]))])
    kept = RestrictedKey.objects.kept()
    refused = kept.filter(first_refused_at__isnull=False).count()
    words = "Kept keys that Stripe refuses at the moment."
    yield gauge("restricted_keys_refused", words, [], [([], float(refused))])
    asked_about = kept.filter(awaits_account_confirmation=False, awaits_account_id=False)
    oldest = asked_about.filter(next_check_at__lte=now).aggregate(oldest=Min("next_check_at"))["oldest"]
    words = "For how long the most overdue regular check has been due; 0 when none is."
    age = (now - oldest).total_seconds() if oldest else 0.0
    yield gauge("checks_most_overdue_seconds", words, [], [([], age)])


def _managed_keys() -> Iterator[Metric]:
    """Keys that the app makes: where it cannot, and what should have ended long ago."""
    now = timezone.now()
    failing = KeyManagement.objects.filter(is_on=True).exclude(problem="").count()
    words = "Places for which the app is to make keys and could not make the last one."
    yield gauge("key_mintings_failed", words, [], [([], float(failing))])
    late = Retirement.objects.exclude(state=DueRow.State.DONE).filter(created_at__lt=now - _LATE)
    late = late.filter(Q(expired_at=None) | Q(expired_at__lt=now - _LATE))
    # The sweep for orphans tries such a key again within that time, if it lives.
    accepted = Retirement.objects.filter(outcome=STILL_ACCEPTED, finished_at__gt=now - 24 * _LATE)
    words = "Keys of the app's own that were to end hours ago, and have not been seen to."
    yield gauge("key_retirements_overdue", words, [], [([], float(late.count() + accepted.count()))])


def _signing_secrets() -> Iterator[Metric]:
    """By name; one that is configured and was never seen is 0, and a previous one says whether it may go."""
    uses = secrets_in_use.with_successors(SigningSecretUse.objects.order_by("name"))
    now = timezone.now()
    seen, may_go = [], []
    for use in uses:
        told = secrets_in_use.standing(use, current_seen_at=use.current_seen_at, now=now)
        seen.append(([use.name, told.role], use.last_seen_at.timestamp() if use.last_seen_at else 0.0))
        if told.is_previous:
            may_go.append(([use.name], float(told.may_go)))
    words = "When a delivery signed with that webhook secret came last; 0 when none ever did."
    yield gauge("webhook_secret_last_seen_timestamp_seconds", words, ["secret", "role"], seen)
    words = "1 once a previous webhook secret may be removed from the settings."
    yield gauge("webhook_secret_may_go", words, ["secret"], may_go)


def _partner() -> Iterator[Metric]:
    """Absent where nobody is to be told."""
    counts = upkeep.counts(timezone.now())
    for name, count, words in (
        (
            "partner_messages_waiting",
            "waiting",
            "Messages that an endpoint of the partner's has yet to take.",
        ),
        ("partner_messages_oldest_age_seconds", "oldest_age_seconds", "How old the oldest of them is."),
        ("partner_messages_dead", "dead", "Messages that it has not taken, and that are tried no more."),
        ("partner_endpoints_left_alone", "left_alone", "1 while it is sent nothing because it took nothing."),
    ):
        if counts:
            yield gauge(name, words, ["endpoint"], [([each], of[count]) for each, of in counts.items()])


def _searches() -> Iterator[Metric]:
    """Of the search for lost deliveries; absent before the first whole one has finished."""
    whole = Reconciliation.objects.filter(state=DueRow.State.DONE, progress__is_whole=True)
    last = whole.order_by("-pk").first()
    if last is None or last.finished_at is None:
        return
    told = {
        "reconciliation_age_seconds": (
            "How long ago the last whole search for lost deliveries ended.",
            (timezone.now() - last.finished_at).total_seconds(),
        ),
        "reconciliation_missed_events": (
            "Events that it found and that had never been delivered.",
            float(last.events_missed),
        ),
        "reconciliation_failed_accounts": (
            "Accounts whose events Stripe did not show it.",
            float(last.accounts_failed),
        ),
    }
    for name, (words, value) in told.items():
        yield gauge(name, words, [], [([], value)])


def _of_queue(model: type[DueRow], now: Any) -> dict[str, float]:
    rows = model._base_manager.all()
    due = rows.filter(state=DueRow.State.WAITING, due_at__lte=now)
    row = due.aggregate(waiting=Count("pk"), oldest=Min("due_at"))
    age = (now - row["oldest"]).total_seconds() if row["oldest"] else 0.0
    return {
        "due_rows_waiting": float(row["waiting"]),
        "due_rows_oldest_age_seconds": age,
        "due_rows_dead": float(rows.filter(state=DueRow.State.DEAD).count()),
    }


_registry = CollectorRegistry(auto_describe=False)
_registry.register(FromTheDatabase())
