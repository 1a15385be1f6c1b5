"""Beginning a run, and working on it turn by turn until its last phase is over."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.notices import tell_ops
from webhooks.models import Reconciliation
from webhooks.reconciling import accounts, events, installs, keys
from webhooks.reconciling.turns import Turn
from work import bell, engine

log = logging.getLogger(__name__)
QUEUE = "reconciliations"
ASKED_FOR, REGULAR = 30, 50
BEGUN_EVERY = timedelta(minutes=15)
LOOKED_EVERY_SECONDS = 60
MANY_MISSED = 5
KEPT_FOR = timedelta(days=30)
Phase = Reconciliation.Phase
_PHASES = {Phase.EVENTS: events.search, Phase.INSTALLS: installs.compare, Phase.KEYS: keys.look_again}
_ORDER = [*_PHASES, Phase.FINISHED]
_OPEN = (Reconciliation.State.WAITING, Reconciliation.State.CLAIMED)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run keeps to. `since` is how its beginning was said: two requests that say the same are the same one."""

    phases: tuple[str, ...] = tuple(_PHASES)
    dry_run: bool = False
    limit: int | None = None
    since: str = ""


@transaction.atomic
def begin(
    *, options: Options, asked_for_by: str = "", since: datetime | None = None, account: str = ""
) -> Reconciliation:
    """A new run, due now; those that people ask for go before the regular ones."""
    phases = [phase for phase in _PHASES if phase in options.phases]
    run: Reconciliation = Reconciliation.objects.create(
        lane=Reconciliation.LANE,
        priority=ASKED_FOR if asked_for_by else REGULAR,
        asked_for_by=asked_for_by[:200],
        since=since,
        only_account=account,
        phase=phases[0],
        progress={"options": {**asdict(options), "phases": phases}},
    )
    bell.ring_on_commit(QUEUE, Reconciliation.LANE, priority=run.priority)
    return run


def open_run(*, options: Options, asked_for_by: str, account: str = "") -> Reconciliation | None:
    """The run of these options that somebody began in the same way, and that has not ended."""
    phases = [phase for phase in _PHASES if phase in options.phases]
    waiting = Reconciliation.objects.filter(state__in=_OPEN, asked_for_by=asked_for_by, only_account=account)
    return waiting.filter(progress__options={**asdict(options), "phases": phases}).order_by("pk").first()


def begin_regular_run() -> None:
    """The periodic job: one more run, a quarter of an hour after the last began or as soon as it is over.

    Asked every minute, so that a search of ten thousand accounts, which takes longer than that, is followed at once.
    """
    since = timezone.now() - BEGUN_EVERY + timedelta(seconds=LOOKED_EVERY_SECONDS / 2)
    regular = Reconciliation.objects.filter(asked_for_by="")
    if not regular.filter(Q(state__in=_OPEN) | Q(created_at__gt=since)).exists():
        begin(options=Options())
        _forget_old()


def _forget_old() -> None:
    ended = Reconciliation.objects.filter(finished_at__lt=timezone.now() - KEPT_FOR).exclude(state__in=_OPEN)
    whole = Reconciliation.objects.filter(progress__is_whole=True).order_by("-pk").values("pk")[:1]
    ended.exclude(pk__in=list(whole.values_list("pk", flat=True))).delete()


def process(row: Reconciliation) -> None:
    """Work on a run for one turn: the engine calls this under a lease.

    Raises:
        engine.Postpone: there is more to do, or Stripe does not answer.
        engine.GiveUp: Stripe has not answered for three quarters of an hour.
    """
    turn = Turn(row)
    try:
        if not turn.progress.get("is_prepared"):
            _prepare(turn)
        while row.phase != Phase.FINISHED:
            if not _PHASES[Phase(row.phase)](turn):
                raise engine.Postpone(timedelta(0), "")
            _next_phase(turn)
    except KeyboardInterrupt:  # whoever worked on it at a terminal leaves it to the next one at once
        engine.postpone(row, timedelta(0), "")
        raise
    with engine.settle(row):
        _conclude(turn)


def _prepare(turn: Turn) -> None:
    row = turn.row
    modes = events.modes()
    accounts.prepare(modes=modes, now=timezone.now(), only=row.only_account)
    if row.phase == Phase.EVENTS:
        total = accounts.to_search(modes=modes, only=row.only_account).count()
        row.accounts_total = total if turn.limit is None else min(total, turn.limit)
    turn.progress["is_prepared"] = True
    with turn.save():
        pass


def _next_phase(turn: Turn) -> None:
    asked = turn.progress["options"]["phases"]
    later = _ORDER[_ORDER.index(Phase(turn.row.phase)) + 1 :]
    turn.row.phase = next(phase for phase in later if phase == Phase.FINISHED or phase in asked)
    with turn.save():
        pass


def _conclude(turn: Turn) -> None:
    """Whether the run was a whole one decides from when on the next one searches for a gap."""
    row, options = turn.row, turn.progress["options"]
    is_whole = not (turn.is_dry or turn.limit or row.only_account) and len(options["phases"]) == len(_PHASES)
    turn.progress["is_whole"] = is_whole
    Reconciliation.objects.filter(pk=row.pk).update(progress=turn.progress)
    if row.events_missed > MANY_MISSED and not turn.is_dry:
        _tell_of_lost_deliveries(row)
    log.info(
        "reconciliation %s is over: %s accounts, %s failed, %s events listed, %s missed, %s installs mended",
        row.pk,
        row.accounts_done,
        row.accounts_failed,
        row.events_listed,
        row.events_missed,
        row.installs_mended,
    )


def _tell_of_lost_deliveries(row: Reconciliation) -> None:
    tell_ops(
        subject="Deliveries of Stripe's are being lost",
        body=f"Stripe lists {row.events_missed} events that never reached the site. They were made up for, and what"
        " follows from them is being done. If there was no outage, look at the webhook endpoint in the Stripe"
        " Dashboard: it may be disabled, or its address or secret be wrong.",
        dedupe_key=f"events-missed:{timezone.now():%Y-%m-%d}",
    )


def gave_up(row: Reconciliation) -> None:
    """Nothing is lost by it: the next run begins with the accounts that this one did not come to."""
    log.error("reconciliation %s was given up after %s accounts", row.pk, row.accounts_done)
