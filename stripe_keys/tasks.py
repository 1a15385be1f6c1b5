"""The bells of validations and of the deletion ledger, and the sweeps. Tasks carry ids and never a key."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from stripe_keys import ledger, lifecycle, minting_rows, retirement_rows, surveys, sweeps, usage, validation
from stripe_keys.incidents import brake
from stripe_keys.ledger import entries
from stripe_keys.managed import minting, minting_ends, retiring
from stripe_keys.models import (
    KeySubmission,
    LedgerEntry,
    Minting,
    OutgoingMessage,
    RestrictedKey,
    Retirement,
    Validation,
)
from stripe_keys.outgoing import delivery, messages
from work import engine
from work.engine import Queue

GIVEN_UP_AT_ONCE = 500


def process(row: Validation) -> None:
    """Carry out one check or one portion of a survey."""
    if row.reason == Validation.Reason.SURVEY:
        surveys.process(row)
    else:
        validation.process(row)


VALIDATIONS = Queue(
    name=lifecycle.QUEUE,
    model=Validation,
    process=process,
    task_name="stripe_keys.tasks.drain_validations",
    # Three rounds of questions to Stripe, each at most CONNECT_SECONDS + STRIPE_TIMEOUT_SECONDS long, and some room.
    lease=timedelta(seconds=60),
    on_dead=validation.gave_up,
)
LEDGER = Queue(
    name=entries.QUEUE,
    model=LedgerEntry,
    process=ledger.process,
    task_name="stripe_keys.tasks.drain_ledger",
    per_lane=False,
    max_attempts=10_000,  # an erasure is never given up on
)

OUTGOING = Queue(
    name=messages.QUEUE,
    model=OutgoingMessage,
    process=delivery.process,
    task_name="stripe_keys.tasks.drain_outgoing",
    lease=delivery.LEASE,
    max_attempts=delivery.MOST_ATTEMPTS,
    backoff=delivery.backoff,
    on_dead=delivery.on_dead,
)

MINTINGS: Queue[Minting] = Queue(
    name=minting_rows.QUEUE,
    model=Minting,
    process=minting.process,
    task_name="stripe_keys.tasks.drain_mintings",
    lease=minting.LEASE,
    max_attempts=minting.MOST_ATTEMPTS,
    on_dead=minting_ends.gave_up,
)
RETIREMENTS: Queue[Retirement] = Queue(
    name=retirement_rows.QUEUE,
    model=Retirement,
    process=retiring.process,
    task_name="stripe_keys.tasks.drain_retirements",
    lease=retiring.LEASE,
    max_attempts=retiring.MOST_ATTEMPTS,
    on_dead=retiring.gave_up,
)


@shared_task
def drain_validations(merchant_id: str) -> int:
    """Do the due checks of one merchant's keys, one after another; returns how many were done."""
    return engine.drain(VALIDATIONS, lane=merchant_id)


@shared_task
def drain_ledger() -> int:
    """Write what was erased into the deletion ledger; returns how many lines."""
    return engine.drain(LEDGER)


@shared_task
def drain_mintings(merchant_id: str) -> int:
    """Make the keys that one merchant waits for, one after another; returns how many rows were worked on."""
    return engine.drain(MINTINGS, lane=merchant_id)


@shared_task
def drain_retirements(merchant_id: str) -> int:
    """End one merchant's keys that are not to be used any more; returns how many rows were worked on."""
    return engine.drain(RETIREMENTS, lane=merchant_id)


@shared_task
def drain_outgoing(lane: str) -> int:
    """Send the due messages of one lane of an endpoint of the partner's, one after another; returns how many."""
    return engine.drain(OUTGOING, lane=lane)


def plan_due_checks() -> None:
    """Have keys checked whose next check is due."""
    sweeps.plan(timezone.now())


def give_up_on_unproven_keys() -> None:
    """Reject, and so erase, keys that nobody could prove or confirm within PENDING_KEY_LIFETIME_DAYS."""
    eldest = timezone.now() - timedelta(days=settings.PENDING_KEY_LIFETIME_DAYS)
    pending = RestrictedKey.objects.filter(status=RestrictedKey.Status.PENDING, created_at__lt=eldest)
    for key in pending[:GIVEN_UP_AT_ONCE]:
        with transaction.atomic():
            validation.give_up_on(lifecycle.locked(key))


def watch_incidents() -> None:
    """End what Stripe has got over."""
    brake.watch(timezone.now())


def forget_old_checks() -> None:
    """Delete checks that nothing refers to any more."""
    sweeps.forget_old_checks(timezone.now())


def forget_old_usage() -> None:
    """Delete counts of what keys were used for after 400 days."""
    usage.forget_old()


def forget_old_pastes() -> None:
    """Delete the records of pastes after 30 days; the limits look back one day."""
    KeySubmission.objects.filter(at__lt=timezone.now() - timedelta(days=30)).delete()
