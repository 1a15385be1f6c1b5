"""The first phase: the events that Stripe lists for each account, page by page, several accounts at a time."""

import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys import gateway
from stripe_keys.gateway import listings
from stripe_keys.gateway.listings import Ask, Page
from webhooks.handlers import HANDLERS
from webhooks.models import AccountCursor
from webhooks.reconciling import accounts, found
from webhooks.reconciling.turns import MOST_SILENT, Turn
from work import engine
from work.pool import connection_to_pool

TYPES = tuple(kind for kind in HANDLERS if kind.startswith("v2."))
OVERLAP = timedelta(hours=1)
KEPT_BY_STRIPE = timedelta(days=30)
MOST_PAGES = 50
MOST_PAGES_OF_ALL = 2000
MOST_SEARCHES_OF_A_LIST = 40
OWN_KEY_REFUSED = "refused_401"
_A_MINUTE = timedelta(minutes=1)
_PICKED_AT_ONCE = 200
_WIDEST = 50
_FEW = 3
_MOST_TRIES = 3
_SHARE_OF_AN_ACCOUNT = 0.1


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A list that has been begun: whose, at which page it goes on, and what its end will mean."""

    cursor: int
    account: str
    livemode: bool
    path: str
    pages: int = 0
    unanswered: int = 0
    asked_at: str
    moves: bool
    since: str = ""
    pages_before: int = 0


def modes() -> list[bool]:
    """The modes in which Stripe can be asked at all."""
    return [livemode for livemode in (True, False) if gateway.can_ask_as_app(livemode=livemode)]


def search(turn: Turn) -> bool:
    """Go on with the search; returns whether it is over."""
    if not modes():
        turn.note("events", "not_configured")
        return True
    picked: deque[AccountCursor] = deque()
    while readings := _fill(turn, picked):
        began = time.monotonic()
        refused = len(turn.progress.get("modes_refused", []))
        is_followed = any(reading.pages for reading in readings)
        _round(turn, readings)
        if len(turn.progress.get("modes_refused", [])) > refused:
            picked.clear()
        turn.pace(len(readings), began)
        if is_followed:
            turn.pause(began + _pause_of_an_account() - time.monotonic())
        if turn.is_over():
            return False
    return True


def _pause_of_an_account() -> float:
    """How far apart two pages of one account are, so that its own checks are left most of what Stripe allows it."""
    allowed = min(float(settings.STRIPE_RATE_LIVE), float(settings.STRIPE_RATE_TEST))
    return 1 / (_SHARE_OF_AN_ACCOUNT * allowed)


def _fill(turn: Turn, picked: deque[AccountCursor]) -> list[Reading]:
    """The lists that are open, and as many new ones as the next round has room for."""
    readings = [Reading(**each) for each in turn.progress.get("open", [])]
    row = turn.row
    width = max(1, min(_WIDEST, int(settings.RECONCILE_REQUESTS_PER_SECOND)))
    room = width - len(readings)
    if turn.limit is not None:
        room = min(room, turn.limit - row.accounts_done - row.accounts_failed - len(readings))
    if room > len(picked):
        picked.clear()
        picked.extend(_pick(turn, readings))
    now = timezone.now()
    while picked and room > 0:
        readings.append(_begun(turn, picked.popleft(), now))
        room -= 1
    return readings


def _pick(turn: Turn, readings: list[Reading]) -> list[AccountCursor]:
    refused = turn.progress.get("modes_refused", [])
    askable = accounts.to_search(
        modes=[mode for mode in modes() if mode not in refused], only=turn.row.only_account
    )
    without = [reading.cursor for reading in readings]
    return accounts.next_ones(askable, began=turn.row.created_at, without=without, limit=_PICKED_AT_ONCE)


def _begun(turn: Turn, cursor: AccountCursor, now: datetime) -> Reading:
    """Searched is from `since` on, or from an hour before where the last search ended.

    One that begins later than that leaves a hole, so its end does not move the cursor. A list that was too long for
    the search before goes on, if it goes back as far.
    """
    until = cursor.listed_until or now - KEPT_BY_STRIPE
    since = turn.row.since or until - OVERLAP
    path = listings.events_path(TYPES, since=max(since, now - KEPT_BY_STRIPE + _A_MINUTE))
    asked_at, pages_before = now, 0
    kept = cursor.next_since if cursor.next_path and not turn.is_dry else None
    if kept is not None and cursor.next_until and (turn.row.since is None or kept <= turn.row.since):
        since, asked_at = kept, cursor.next_until
        path, pages_before = cursor.next_path, cursor.next_pages
    return Reading(
        cursor=cursor.pk,
        account="" if cursor.stripe_account_id == accounts.PLATFORM else cursor.stripe_account_id,
        livemode=cursor.livemode,
        path=path,
        asked_at=asked_at.isoformat(),
        moves=since <= until,
        since=since.isoformat(),
        pages_before=pages_before,
    )


def _round(turn: Turn, readings: list[Reading]) -> None:
    """Ask for a page of each list, and save what follows from all of them together."""
    asks = [Ask(path=each.path, livemode=each.livemode, stripe_account_id=each.account) for each in readings]
    connection_to_pool()
    pages = listings.events(asks)
    turn.progress["open"] = [asdict(reading) for reading in readings]
    if any(page.is_answer for page in pages):
        turn.stripe_answered()
    else:
        is_few = len(readings) < _FEW
        # One account that hangs must not hold up the others for ever; all of them together are Stripe's matter.
        turn.stripe_was_silent(patience=2 if is_few and turn.row.accounts_done else MOST_SILENT)
        if not is_few:
            raise engine.GiveUp("StripeUnavailable")
    with turn.save():
        following = [_take(turn, reading, page) for reading, page in zip(readings, pages, strict=True)]
        turn.progress["open"] = [asdict(reading) for reading in following if reading is not None]


def _take(turn: Turn, reading: Reading, page: Page) -> Reading | None:
    """Keep what the page brought; returns how the list goes on, or None at its end."""
    if page.problem == OWN_KEY_REFUSED:  # the app's own key is dead: nobody else's list would fare better
        turn.progress["modes_refused"] = [*turn.progress.get("modes_refused", []), reading.livemode]
        turn.note("events", "own_key_refused")
    if not page.is_answer and reading.unanswered + 1 < _MOST_TRIES:
        return replace(reading, unanswered=reading.unanswered + 1)
    if page.problem:
        says_nothing = not page.is_answer or page.problem == OWN_KEY_REFUSED
        _failed(turn, reading, page.problem, place=None if says_nothing else accounts.NOWHERE)
        return None
    kept = found.keep(
        page.rows,
        types=frozenset(TYPES),
        stripe_account_id=reading.account,
        livemode=reading.livemode,
        now=timezone.now(),
        is_dry=turn.is_dry,
    )
    turn.row.events_listed += kept.events
    turn.row.events_missed += kept.missed
    turn.progress["events_early"] = turn.progress.get("events_early", 0) + kept.early
    if not page.next_path:
        _ended(turn, reading)
        return None
    if _is_endless(reading, page):
        _failed(turn, reading, "endless_list", place=accounts.NOWHERE)
        return None
    if reading.pages + 1 >= _most_pages(reading):
        _goes_on_later(turn, reading, page)
        return None
    return replace(reading, path=page.next_path, pages=reading.pages + 1, unanswered=0)


def _most_pages(reading: Reading) -> int:
    return MOST_PAGES if reading.account else MOST_PAGES_OF_ALL


def _is_endless(reading: Reading, page: Page) -> bool:
    read = reading.pages_before + reading.pages + 1
    return page.next_path == reading.path or read >= MOST_SEARCHES_OF_A_LIST * _most_pages(reading)


def _goes_on_later(turn: Turn, reading: Reading, page: Page) -> None:
    """Leave the rest of a long list to the next search, so that every account gets its turn."""
    place = None
    if (
        reading.since and not turn.is_dry
    ):  # a list that was begun before places were kept does not say since when
        place = accounts.Place(
            path=page.next_path,
            since=datetime.fromisoformat(reading.since),
            until=datetime.fromisoformat(reading.asked_at),
            pages=reading.pages_before + reading.pages + 1,
        )
        _tell_of_a_long_list(reading)
    _failed(turn, reading, "too_many_pages", place=place)


def _tell_of_a_long_list(reading: Reading) -> None:
    tell_ops(
        subject="Stripe lists more events of an account than one search reads",
        body=f"The events of {reading.account or 'all accounts'} were read as far as one search goes; the next ones go"
        " on from there, and what they find late is late here too. The ops desk lists such accounts under Account"
        " cursors (too_many_pages). Others are not mailed about today.",
        dedupe_key=f"events-unread:{timezone.now():%Y-%m-%d}",
    )


def _ended(turn: Turn, reading: Reading) -> None:
    turn.row.accounts_done += 1
    moves = reading.moves and not turn.is_dry
    accounts.tried(
        reading.cursor,
        listed_until=datetime.fromisoformat(reading.asked_at) if moves else None,
        place=accounts.NOWHERE if moves or reading.pages_before else None,
    )


def _failed(turn: Turn, reading: Reading, problem: str, *, place: accounts.Place | None = None) -> None:
    turn.row.accounts_failed += 1
    accounts.tried(reading.cursor, problem=problem, place=None if turn.is_dry else place)
