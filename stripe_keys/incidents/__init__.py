"""When Stripe itself is in trouble: what is open, how it begins and ends, and how checks wait while nobody is answered.

Concluded from what the last checks of all merchants found (`Validation.verdict`), so every worker sees the same, and
nobody has to turn a setting. `stripe_keys.incidents.brake` keeps keys alive while Stripe refuses many at once.
"""

import logging
import time
from datetime import datetime, timedelta
from functools import partial
from random import uniform

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from accounts.notices import tell_ops
from stripe_keys import lifecycle
from stripe_keys.models import RestrictedKey, StripeIncident, Validation
from work.queues import Postpone

log = logging.getLogger(__name__)
Kind = StripeIncident.Kind
BY_ITSELF = "the site"
UNKNOWN, THROTTLED, INCOMPLETE = "unknown", "throttled", "incomplete"
# Stripe that asks to be asked less, or is busy with one account, is not down: that is between it and the account.
_SAYS_NOTHING = ("", "moot", "unreadable", THROTTLED)
_OUTAGE_WINDOW = timedelta(seconds=60)
_OUTAGE_MERCHANTS, _OUTAGE_SHARE = 5, 0.5
_TRY_EVERY = timedelta(seconds=10)
_LOOK_EVERY_SECONDS = 1.0


class StripeIsDown(Postpone):
    """Nobody gets answers from Stripe: the check is put off, and nothing is marked."""


class _Look:
    """What was open a moment ago; so that a check in calm times asks the database at most once per second."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._open: dict[str, StripeIncident] = {}

    def open_now(self) -> dict[str, StripeIncident]:
        if time.monotonic() - self._at > _LOOK_EVERY_SECONDS:
            self._open = {one.kind: one for one in StripeIncident.objects.filter(ended_at=None)}
            self._at = time.monotonic()
        return self._open

    def forget(self) -> None:
        self._at = float("-inf")


_look = _Look()
forget = _look.forget


def open_now(kind: str) -> StripeIncident | None:
    """The open incident of that kind, as it was a second ago at most."""
    return _look.open_now().get(kind)


# --- Stripe is down --------------------------------------------------------------------------------------------------


def wait_out_an_outage(row: Validation) -> None:
    """Let a check pass if Stripe is up, or if it is its turn to find out whether it is up again.

    Raises:
        StripeIsDown: put the check off.
    """
    outage = open_now(Kind.OUTAGE)
    if outage is None:
        return
    turn = StripeIncident.objects.filter(pk=outage.pk, ended_at=None, next_try_at__lte=Now())
    if turn.update(next_try_at=Now() + _TRY_EVERY):
        return
    longest = min(30.0 * 2 ** min(row.fence // 4, 3), 240.0)
    raise StripeIsDown(timedelta(seconds=uniform(longest / 2, longest)), "StripeIsDown")  # noqa: S311


def note_no_answer(now: datetime) -> None:
    """A check has just been concluded without any answer; see whether that is so for most merchants.

    Merchants are counted and not keys, so that one whose account hangs is never taken for all of Stripe.
    """
    if open_now(Kind.OUTAGE) is not None:
        return
    last = StripeIncident.objects.filter(kind=Kind.OUTAGE, ended_at__gt=now - _OUTAGE_WINDOW)
    since = last.order_by("-ended_at").values_list("ended_at", flat=True).first() or now - _OUTAGE_WINDOW
    asked = Validation.objects.checks().filter(finished_at__gte=since).exclude(verdict__in=_SAYS_NOTHING)
    seen = asked.aggregate(
        checked=Count("merchant", distinct=True),
        unanswered=Count("merchant", distinct=True, filter=Q(verdict=UNKNOWN)),
    )
    if seen["unanswered"] >= _OUTAGE_MERCHANTS and seen["unanswered"] >= _OUTAGE_SHARE * seen["checked"]:
        evidence = f"{seen['unanswered']} of {seen['checked']} merchants' keys got no answer within a minute"
        # Stripe may come and go many times; ops are mailed about it once an hour.
        begin(Kind.OUTAGE, evidence, dedupe_key=f"incident:{Kind.OUTAGE}:{now:%Y%m%d%H}")


def note_answer() -> None:
    """A check got answers: if there was an outage, it is over."""
    if open_now(Kind.OUTAGE) is not None:
        end(Kind.OUTAGE, by=BY_ITSELF)


# --- Beginning and ending --------------------------------------------------------------------------------------------


def begin(kind: str, evidence: str, *, dedupe_key: str = "") -> None:
    """Open an incident of that kind and tell ops; whoever comes second finds it open, and nobody is told twice."""
    incident, is_new = StripeIncident.objects.get_or_create(
        kind=kind,
        ended_at=None,
        defaults={"evidence": evidence[:200], "next_try_at": Now() + _TRY_EVERY},
    )
    _look_anew()
    if not is_new:
        return
    log.critical("an incident at Stripe has begun: %s (%s)", kind, evidence)
    tell_ops(
        subject=f"Incident: {Kind(kind).label}",
        body=f"{evidence}.\n\n{_MEANING[Kind(kind)]}\n\nThe ops desk lists it under Stripe incidents.",
        dedupe_key=dedupe_key or f"incident:{incident.pk}",
    )


def end(kind: str, *, by: str) -> bool:
    """End the open incident of that kind; False if there is none. Checks that people wait for are made at once."""
    ended = StripeIncident.objects.filter(kind=kind, ended_at=None).update(ended_at=Now(), ended_by=by[:200])
    _look_anew()
    if ended:
        log.warning("the incident at Stripe is over: %s (%s)", kind, by)
        transaction.on_commit(_let_the_awaited_go_first, robust=True)
    return bool(ended)


def _look_anew() -> None:
    _look.forget()
    transaction.on_commit(partial(_look.forget))


def _let_the_awaited_go_first() -> None:
    awaited = Q(priority__lte=lifecycle.URGENT) | Q(key__status=RestrictedKey.Status.PENDING)
    waiting = Validation.objects.checks().filter(awaited, state=Validation.State.WAITING, due_at__gt=Now())
    Validation.objects.filter(pk__in=waiting.values("pk"), state=Validation.State.WAITING).update(
        due_at=Now()
    )


_MEANING = {
    Kind.OUTAGE: "Checks are put off until Stripe answers again; one every ten seconds finds out. Nothing is marked.",
    Kind.REFUSALS: (
        "That is more than merchants do on their own, so no key is called dead for now: each is asked about again, "
        "soon at first and then more rarely. If Stripe tells you that the keys are really gone, end the incident in "
        "the ops desk; refused keys then end at their next check. If the others turn out to be fine, it ends by itself."
    ),
}
