"""The brake: while Stripe refuses the keys of many merchants at once, the fault is Stripe's, and no key is called dead.

What counts is which keys Stripe refuses at this moment (`RestrictedKey.first_refused_at`), however long ago it was
asked: a key that is held is asked about more and more rarely, and must not be forgotten for that. And no key dies on
silence: before one does, some other merchants' keys are asked about, so that the first to be refused is not the victim.
Keys that never worked count for nothing here: anybody may paste rubbish. Nor may a few merchants whose keys are dead
keep everybody's keys alive: when all the others answer, the brake ends without them (`_others_answer`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from random import uniform
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from accounts.notices import tell_ops
from stripe_keys import incidents, lifecycle
from stripe_keys.incidents import BY_ITSELF, Kind
from stripe_keys.models import RestrictedKey, StripeIncident, Validation

BY_THE_OTHERS = f"{BY_ITSELF}: the others answer"
Status = RestrictedKey.Status
REFUSED_ONCE, HELD, DIED = "refused_once", "held", "expired"
REFUSED_PENDING = "not_accepted"
_REFUSED = (REFUSED_ONCE, HELD, DIED)
_ACCEPTED = ("active", "limited", incidents.INCOMPLETE)
_ANSWERED = (*_REFUSED, *_ACCEPTED)
WITNESSES = 5
_TELLING_WITNESSES, _TELLING_SHARE = 20, 0.8
_FEWER_BY, _FEWEST_BY = 4, 2
HEARING = timedelta(seconds=5)
_PATIENCE = timedelta(minutes=5)
_SHORTEST, _SHORTEST_HEARING = timedelta(minutes=1), timedelta(minutes=10)
_OPS_WORD_HOLDS, _AT_MOST = timedelta(hours=1), timedelta(days=1)
_FIRST_HOLD, _LONGEST_HOLD = timedelta(seconds=30), timedelta(minutes=15)
_LOOKS_AT_ONCE = 2
_DEATHS_TAKE_TURNS = (1_265_200_001, 1)  # the name of an advisory lock


class Ruling(StrEnum):
    """What follows from a refusal of a key that has worked."""

    HOLD = "hold"
    """Stripe refuses too many: the key lives on, and is looked at again later."""
    LOOK_AGAIN = "look_again"
    """Too little is known yet."""
    DEAD = "dead"


@dataclass(frozen=True)
class Refusals:
    """Of how many Stripe accounts whose keys have worked, and were checked lately, the key is refused."""

    accounts: int
    refused: int

    @property
    def are_too_many(self) -> bool:
        """Whether that is more than merchants do on their own."""
        most = max(settings.KEY_BRAKE_ACCOUNTS - 1, settings.KEY_BRAKE_SHARE * self.accounts)
        return bool(self.refused > most)


def refusals(now: datetime) -> Refusals:
    """Whose keys Stripe refuses now, or has ended within KEY_BRAKE_WINDOW_SECONDS, among those it answered about."""
    since = now - _window()
    refused = _refused().values_list("stripe_account_id").distinct()
    died = _accounts_heard(since, DIED)
    if settled := _settled(now):
        refused, died = refused.exclude(pk__in=settled), died.exclude(key__in=settled)
    return Refusals(
        accounts=_accounts_heard(since).union(refused).count(), refused=died.union(refused).count()
    )


def _window() -> timedelta:
    return timedelta(seconds=settings.KEY_BRAKE_WINDOW_SECONDS)


def _long_enough_to_tell() -> timedelta:
    """Witnesses come a few per minute: in a window that ops have made short, there never are enough."""
    return max(_window(), _SHORTEST_HEARING)


def is_on() -> bool:
    """Whether the brake is on at this very moment."""
    return StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at=None).exists()


def note_refusal(key: RestrictedKey, now: datetime) -> datetime:
    """Write down that Stripe refuses `key`; returns since when it does. The caller holds the key's lock.

    What was refused while Stripe was in trouble proves nothing: once that is over, the count begins anew.
    """
    first = key.first_refused_at
    over = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_by__startswith=BY_ITSELF)
    if first is None or over.filter(ended_at__gt=first).exists():
        first = now
    key.first_refused_at, key.last_problem = first, "key_refused"
    key.save(update_fields=["first_refused_at", "last_problem"])
    return first


def rule(key: RestrictedKey, *, is_confirmed: bool, is_named: bool, now: datetime) -> Ruling:
    """What becomes of `key`, whose refusal has been noted just now, in the same transaction.

    `is_confirmed` says that the refusal would do as a proof if it were the only one; `is_named`, that an event of
    Stripe's reported the end of this very key, so that others need not be asked.
    """
    if is_confirmed:
        # One death at a time, so that each knows of those before it.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _DEATHS_TAKE_TURNS)
    if is_on():
        return Ruling.HOLD
    if _ops_let_them_die(now):
        return Ruling.DEAD if is_confirmed else Ruling.LOOK_AGAIN
    seen = refusals(now)
    if seen.are_too_many:
        window = settings.KEY_BRAKE_WINDOW_SECONDS // 60
        evidence = f"{seen.refused} of {seen.accounts} accounts asked about in {window} minutes are refused"
        incidents.begin(Kind.REFUSALS, evidence)
        return Ruling.HOLD
    silent = _witnesses_to_hear(key, now)
    if silent:
        transaction.on_commit(partial(call_witnesses, silent, now), robust=True)
    may_die = is_named or not silent or now - (key.first_refused_at or now) > _PATIENCE
    return Ruling.DEAD if is_confirmed and may_die else Ruling.LOOK_AGAIN


def hold(key: RestrictedKey, now: datetime) -> None:
    """Let `key` live on and be looked at again, later each time; soon by a check of its own, then by the sweeps."""
    failures = key.consecutive_failures + 1
    longest = min(_FIRST_HOLD * 2 ** min(failures, 10), _LONGEST_HOLD)
    delay = longest * uniform(0.5, 1.0)  # noqa: S311
    RestrictedKey.objects.filter(pk=key.pk).update(
        consecutive_failures=failures, last_problem="refused_with_many", next_check_at=now + delay
    )
    if failures <= _LOOKS_AT_ONCE or key.status == Status.PENDING:
        lifecycle.request_validation(key, reason=Validation.Reason.SECOND_LOOK, now=now, delay=delay)


def watch(now: datetime) -> None:
    """End the brake when few accounts are refused any more; until then hear more of them. Called every minute."""
    brake = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at=None).first()
    if brake is None or now - brake.began_at < _SHORTEST:
        return
    seen = refusals(now)
    if not seen.are_too_many:
        _release(brake, seen, by=BY_ITSELF)
    elif now - brake.began_at >= _long_enough_to_tell() and _others_answer(now):
        _release(brake, seen, by=BY_THE_OTHERS)
    else:
        call_witnesses(WITNESSES, now)


def _release(brake: StripeIncident, seen: Refusals, *, by: str) -> None:
    with transaction.atomic():
        if incidents.end(Kind.REFUSALS, by=by):
            tell_ops(
                subject=f"Over: {Kind.REFUSALS.label}",
                body=f"Keys answer again: {seen.refused} of {seen.accounts} accounts are still refused. Keys that were"
                " held are looked at as usual from now on, and each must be refused twice anew before it ends.",
                dedupe_key=f"incident:{brake.pk}:over",
            )


def _others_answer(now: datetime) -> bool:
    """Whether the refused accounts stand alone: the others were asked lately, and Stripe knows them all.

    Then the whole site is what the refused are held against, not only those who happened to be asked. Without others
    enough to tell, an incident and some dead keys look the same, and the brake stays on.
    """
    since = now - _long_enough_to_tell()
    witnesses = Validation.objects.filter(finished_at__gte=since, reason=Validation.Reason.WITNESS)
    if witnesses.filter(verdict__in=_REFUSED).exists():
        return False
    refused = _refused().values("stripe_account_id").distinct()
    others = RestrictedKey.objects.usable().filter(quarantined_at=None).exclude(stripe_account_id__in=refused)
    known = others.values("stripe_account_id").distinct().count()
    spoke = witnesses.filter(verdict__in=_ACCEPTED, key__in=others)
    heard = spoke.order_by().values("key__stripe_account_id").distinct().count()
    if heard < min(_TELLING_WITNESSES, _TELLING_SHARE * known):
        return False
    few = refused.count()
    if few <= settings.KEY_BRAKE_SHARE * (known + few):
        return True
    return heard >= few * (_FEWEST_BY if few <= settings.KEY_BRAKE_ACCOUNTS else _FEWER_BY)


# --- Witnesses -------------------------------------------------------------------------------------------------------


def call_witnesses(number: int, now: datetime) -> None:
    """Have the keys of some merchants checked now, those not looked at for longest: is one key alone refused?"""
    open_checks = Validation.objects.checks().filter(
        key=OuterRef("pk"), state__in=[Validation.State.WAITING, Validation.State.CLAIMED]
    )
    others = RestrictedKey.objects.usable().filter(first_refused_at=None, quarantined_at=None)
    others = others.exclude(Exists(open_checks)).order_by(F("last_checked_at").asc(nulls_first=True))
    for pk in list(others.values_list("pk", flat=True)[:number]):
        with transaction.atomic():
            other = others.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
            if other is not None:
                lifecycle.request_validation(other, reason=Validation.Reason.WITNESS, now=now)


def _witnesses_to_hear(key: RestrictedKey, now: datetime) -> int:
    """Of how many other accounts Stripe must yet say something, since it first refused this one, before it may die."""
    others = RestrictedKey.objects.usable().exclude(stripe_account_id=key.stripe_account_id)
    known = others.filter(quarantined_at=None).order_by().values("stripe_account_id").distinct()[:WITNESSES]
    heard = _accounts_heard(key.first_refused_at or now).exclude(
        key__stripe_account_id=key.stripe_account_id
    )[:WITNESSES]
    return max(0, len(known) - len(heard))


# --- Counting --------------------------------------------------------------------------------------------------------


def _refused() -> QuerySet[RestrictedKey]:
    return RestrictedKey.objects.usable().filter(first_refused_at__isnull=False, quarantined_at=None)


def _accounts_heard(since: datetime, *verdicts: str) -> QuerySet[Validation, tuple[str]]:
    """The accounts that Stripe has said something about since then, by one of the verdicts if any are named."""
    heard = Validation.objects.filter(finished_at__gte=since, verdict__in=verdicts or _ANSWERED)
    return heard.order_by().values_list("key__stripe_account_id").distinct()


def _settled(now: datetime) -> list[UUID]:
    """The keys that a brake was ended without: held by it, and never accepted since. No new one begins for them."""
    last = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at__gt=now - _AT_MOST)
    last = last.exclude(ended_by=BY_ITSELF).order_by("-ended_at")
    found: set[UUID] = set()
    for began, ended in last.values_list("began_at", "ended_at"):
        held = Validation.objects.filter(verdict=HELD, finished_at__gte=began, finished_at__lte=ended)
        found |= set(held.exclude(key__last_ok_at__gt=F("finished_at")).values_list("key", flat=True))
    return list(found)


def _ops_let_them_die(now: datetime) -> bool:
    """Whether ops have said that refused keys are gone: for an hour, and until the keys held by then are done."""
    brakes = StripeIncident.objects.filter(kind=Kind.REFUSALS, ended_at__gt=now - _AT_MOST)
    ended = brakes.exclude(ended_by__startswith=BY_ITSELF).order_by("-ended_at")
    word = ended.values_list("ended_at", flat=True).first()
    if word is None:
        return False
    return word > now - _OPS_WORD_HOLDS or _refused().filter(first_refused_at__lt=word).exists()
