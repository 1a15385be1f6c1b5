"""How a key moves through its life: one compare-and-swap, one line of history, and what must follow in the same breath.

Every function here runs inside the caller's transaction. Nothing outside this module writes a key's status.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from accounts.models import User
from accounts.notices import take_back
from stripe_keys import outgoing, retirement_rows
from stripe_keys.ledger import entries
from stripe_keys.models import KeyEnvelope, KeyUse, RestrictedKey, StatusChange, Validation
from work import bell

Status = RestrictedKey.Status
QUEUE = "validations"
URGENT, EVENTFUL, REGULAR, LEISURELY = 10, 30, 80, 90
_OVER_WITH_THE_KEY = ("rotated", "ending", "limited", "unreadable", "uninstalled", "suspended", "resumed")
END_ANNOUNCED = Validation.Reason.EXPIRY_EVENT
_PRIORITIES = {
    Validation.Reason.ADDED: URGENT,
    Validation.Reason.CONFIRMED: URGENT,
    Validation.Reason.CHECK_NOW: URGENT,
    Validation.Reason.PERIODIC: REGULAR,
    Validation.Reason.SURVEY: LEISURELY,
}
_MOVES = {
    Status.PENDING: {Status.ACTIVE, Status.LIMITED, Status.REJECTED, Status.REMOVED},
    Status.ACTIVE: {Status.LIMITED, Status.EXPIRED, Status.REPLACED, Status.REMOVED},
    Status.LIMITED: {Status.ACTIVE, Status.EXPIRED, Status.REPLACED, Status.REMOVED},
}


class StatusMoved(Exception):
    """Somebody else moved the key in the meantime; read it again and decide anew."""


class NotAMove(Exception):
    """A key's life has no such step; this is a mistake in our code."""


def actor_name(user: User | None) -> str:
    """How history names a person, or the site itself."""
    return user.email if user else "the site"


def locked(key: RestrictedKey) -> RestrictedKey:
    """The key as the database has it now, locked until the transaction ends, so that commands take turns."""
    return RestrictedKey.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=key.pk)


def move(key: RestrictedKey, to: str, *, actor: str, reason: str, code: str = "", **fields: object) -> None:
    """Move `key` from the status it was read with to `to`, write the history, and tell the partner's own systems.

    They are told `code` in place of the reason; without it, the `last_problem` among `fields`, or the usual cause.
    Leaving the kept statuses erases the envelope and ends the checks that wait, in the same transaction; a key that
    the app made is then ended at Stripe.

    Raises:
        NotAMove: a key's life has no such step.
        StatusMoved: the key no longer has the status it was read with.
    """
    if to not in _MOVES.get(Status(key.status), set()):
        raise NotAMove(f"{key.status} → {to}")
    moved = RestrictedKey.objects.filter(pk=key.pk, status=key.status).update(status=to, **fields)
    if not moved:
        raise StatusMoved
    change = record(key, actor=actor, reason=reason, to=to)
    key.refresh_from_db()
    outgoing.tell_move(key, change, code=code or str(fields.get("last_problem") or ""))
    if not key.is_kept:
        retirement_rows.retire(key, code=code)
        erase(key, reason=reason)


def record(key: RestrictedKey, *, actor: str, reason: str, to: str = "") -> StatusChange:
    """Add a line to the key's history; without `to`, one that does not move it."""
    return StatusChange.objects.create(
        key=key, from_status=key.status, to_status=to or key.status, actor=actor[:200], reason=reason[:300]
    )


def erase(key: RestrictedKey, *, reason: str) -> None:
    """Delete the encrypted key; fingerprint and last four characters stay for history and leak look-ups.

    The deletion ledger remembers it, so that no restore of the database brings the key back. What its merchant has
    yet to be told of it while it served is not told any more.
    """
    erased, _ = KeyEnvelope.objects.filter(key=key).delete()
    if erased:
        entries.note_key_erased(key, status=key.status, reason=reason)
    waiting = Validation.objects.filter(key=key, state=Validation.State.WAITING)
    waiting.update(state=Validation.State.DONE, verdict="moot")
    RestrictedKey.objects.filter(pk=key.pk).update(
        next_check_at=None, awaits_account_confirmation=False, awaits_account_id=False
    )
    take_back(*(f"{trouble}:{key.pk}:" for trouble in _OVER_WITH_THE_KEY))


def request_validation(
    key: RestrictedKey,
    *,
    reason: str,
    now: datetime,
    requested_by: User | None = None,
    delay: timedelta = timedelta(),
) -> None:
    """See to it that `key` is checked at `now + delay` or before, and ring when that is now.

    A check that already waits is brought forward rather than doubled; the more urgent reason wins. A survey that waits
    is no check, and stays as it is. Nor does anything hurry a look that waits for an announced end: what is due sooner
    gets a check of its own. The caller holds the key's lock.
    """
    due_at = now + delay
    priority = _PRIORITIES.get(Validation.Reason(reason), EVENTFUL)
    waiting = _waiting_check(key, reason, due_at)
    if waiting is None:
        Validation.objects.create(
            key=key,
            merchant_id=key.merchant_id,
            lane=str(key.merchant_id),
            reason=reason,
            requested_by=requested_by,
            due_at=due_at,
            priority=priority,
        )
    elif waiting.due_at > due_at or waiting.priority > priority or reason == END_ANNOUNCED:
        Validation.objects.filter(pk=waiting.pk).update(
            due_at=min(waiting.due_at, due_at),
            priority=min(waiting.priority, priority),
            reason=END_ANNOUNCED if waiting.reason == END_ANNOUNCED else reason,
        )
    sooner = Q(next_check_at__isnull=True) | Q(next_check_at__gt=due_at)
    RestrictedKey.objects.filter(sooner, pk=key.pk).update(next_check_at=due_at)
    if delay <= timedelta():
        bell.ring_on_commit(QUEUE, str(key.merchant_id), priority=priority)


def _waiting_check(key: RestrictedKey, reason: str, due_at: datetime) -> Validation | None:
    """The waiting check that can also do what one of that reason would do at `due_at`.

    That Stripe has announced the end of a key is never forgotten for another reason: one refusal is then enough, and a
    key that is still accepted is looked at until the end has come. An early look would be wasted on that.
    """
    waiting = Validation.objects.checks().filter(key=key, state=Validation.State.WAITING)
    checks = list(waiting.order_by("due_at"))
    ends = [check for check in checks if check.reason == END_ANNOUNCED]
    if reason == END_ANNOUNCED:
        fitting = ends or [check for check in checks if check.due_at >= due_at]
    else:
        early_ends = [check for check in ends if check.due_at <= due_at]
        fitting = early_ends or [check for check in checks if check.reason != END_ANNOUNCED]
    return fitting[0] if fitting else None


def record_use(key: RestrictedKey, *, actor: str, reason: str) -> None:
    """Write down that the key's envelope is about to be opened. If this fails, it is not opened."""
    KeyUse.objects.create(key=key, actor=actor[:200], reason=reason[:200])
