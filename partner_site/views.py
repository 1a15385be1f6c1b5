"""The front page, and what the machines around the site ask: is it up, is it ready."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout

from accounts.models import Merchant
from partner_site import inbox_metrics
from stripe_keys import ledger, purposes
from stripe_keys.outgoing import messages
from work.doubt import Doubt
from work.engine import queues
from work.models import DueRow, WorkerHeartbeat

HEARTBEAT_IS_FRESH = timedelta(seconds=30)
DUE_ROW_IS_LATE = timedelta(minutes=2)
# Who takes these messages may be slow, and the site does its work all the same.
_AT_THE_PARTNERS_PACE = {messages.QUEUE}
# Behind a locked table each look takes a second and a half: the threads are needed for others.
_readiness_in_doubt = Doubt(one_each=2.0)


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Tell a stranger what this is; send merchants to their keys, closed ones to what was erased, staff to the desk."""
    if not request.user.is_authenticated:
        asked = [one for purpose in purposes.defined() for one in purpose.required]
        writes = list(dict.fromkeys(one.label for one in asked if one.access == "write"))
        return render(request, "home.html", {"writes": writes})
    if Merchant.objects.visible_to(request.user).exists():
        return redirect("stripe_keys:key_list")
    if request.user.is_staff:
        return redirect("admin:index")
    if Merchant.objects.closed_for(request.user).exists():
        return redirect("stripe_keys:erased")
    return render(request, "home_without_merchant.html")


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process answers; asks nobody else."""
    return JsonResponse({"up": True})


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether the site can do its work: 200, or 503 with what is missing. Ages are in seconds.

    Ready means that the database answers, every migration is applied, some worker's heart beats, and nothing that was
    due has waited for longer than DUE_ROW_IS_LATE; events that were put off are told of, and count for nothing: the
    site keeps to what Stripe allows it. A database that was restored under the running site is not ready.
    """
    report: dict[str, Any] = {"database": False, "ready": False}
    if _readiness_in_doubt.may_try():
        try:
            report = _readiness()
            _readiness_in_doubt.end()
        except (DatabaseError, PoolTimeout):
            _readiness_in_doubt.arise()
    return JsonResponse(report, status=200 if report["ready"] else 503)


def _readiness() -> dict[str, Any]:
    if _has_unapplied_migrations():
        return {"database": True, "migrated": False, "ready": False}
    heartbeat = _seconds_since(
        WorkerHeartbeat.objects.order_by("-beat_at").values_list("beat_at", flat=True).first()
    )
    oldest = {queue.name: _seconds_since(_oldest_due(queue.model)) for queue in queues().values()}
    ours = {name: age for name, age in oldest.items() if name not in _AT_THE_PARTNERS_PACE}
    late = max((age for age in ours.values() if age is not None), default=0.0)
    oldest_event, events_put_off = inbox_metrics.still_waiting(timezone.now())
    agrees_with_ledger = ledger.refusal() is None
    return {
        "database": True,
        "migrated": True,
        "agrees_with_ledger": agrees_with_ledger,
        "worker_heartbeat_age": heartbeat,
        "oldest_due_age": oldest,
        "events_oldest_waiting_age": _seconds_since(oldest_event),
        "events_put_off": events_put_off,
        "ready": agrees_with_ledger
        and heartbeat is not None
        and heartbeat <= HEARTBEAT_IS_FRESH.total_seconds()
        and late <= DUE_ROW_IS_LATE.total_seconds(),
    }


def _has_unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _oldest_due(model: type[DueRow]) -> Any:
    due = model._base_manager.filter(state=DueRow.State.WAITING, due_at__lte=timezone.now())
    return due.aggregate(oldest=Min("due_at"))["oldest"]


def _seconds_since(moment: Any) -> float | None:
    return None if moment is None else round((timezone.now() - moment).total_seconds(), 1)
