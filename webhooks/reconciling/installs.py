"""The second phase: the installs that Stripe lists, compared with ours.

An install of ours that Stripe does not show is asked about once more by itself before it ends here, and none ends if
Stripe shows none of ours at all (it may not list such apps, or the list may be broken), or lacks more than merchants
end on their own, within a day.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.notices import tell_ops
from stripe_keys import app_installs, gateway, install_reports, known_accounts, our_apps
from stripe_keys.gateway import StripeUnavailable, listings
from stripe_keys.gateway.app_answers import INSTALLED
from stripe_keys.gateway.listings import Ask, Page
from webhooks.models import AccountCursor, Reconciliation
from webhooks.reconciling.events import modes
from webhooks.reconciling.turns import Turn
from work import engine
from work.pool import connection_to_pool

log = logging.getLogger(__name__)
MOST_PAGES = 5000
A_DAY = timedelta(days=1)
_COUNTED_AT_ONCE, _ASKED_AT_ONCE = 500, 10


def compare(turn: Turn) -> bool:
    """Go on with the comparison; returns whether it is over."""
    if not settings.STRIPE_APP_OBJECT_ID or not modes():
        turn.note("installs", "not_configured")
        return True
    state = turn.progress.setdefault("installs", {"modes": modes()})
    while state["modes"]:
        livemode = state["modes"][0]
        if turn.row.only_account:
            _ask_about(turn, [turn.row.only_account], livemode=livemode, app=_app(state))
            _next_mode(turn, state)
        else:
            _STEPS[state.get("step", "list")](turn, state, livemode)
        if turn.is_over() and state["modes"]:
            return False
    return True


def _word(livemode: bool) -> str:
    return "live" if livemode else "test"


def _app(state: dict[str, Any]) -> str:
    """The app of ours whose installs are being compared."""
    return str(state.get("app", our_apps.PASTING))


def _next_mode(turn: Turn, state: dict[str, Any], problem: str = "") -> None:
    """On to the other app of ours in the same mode, if there is one; then to the next mode."""
    livemode, app = state["modes"][0], _app(state)
    if problem:
        other = "" if app == our_apps.PASTING else f"{app}_"
        turn.note(f"installs_{other}{_word(livemode)}", problem)
    is_other_left = app == our_apps.PASTING and our_apps.are_two()
    goes_on = is_other_left and gateway.can_manage_keys(livemode=livemode)
    left = state["modes"] if goes_on else state["modes"][1:]
    state.clear()
    state.update({"modes": left, "app": our_apps.MANAGING} if goes_on else {"modes": left})
    with turn.save():
        pass


# --- What Stripe lists -----------------------------------------------------------------------------------------------


def _list(turn: Turn, state: dict[str, Any], livemode: bool) -> None:
    began = time.monotonic()
    app = _app(state)
    path = state.get("path") or listings.installs_path(app=app)
    connection_to_pool()
    page = listings.installs(Ask(path=path, livemode=livemode, app=app))
    if not page.is_answer:
        turn.stripe_was_silent()
        raise engine.GiveUp("StripeUnavailable")
    turn.stripe_answered()
    state["pages"] = state.get("pages", 0) + 1
    problem = page.problem or _is_endless(page, path, state["pages"])
    if problem:
        _next_mode(turn, state, problem)
        return
    state.setdefault("began", timezone.now().isoformat())
    with turn.save():
        _note_shown(turn, state, page, livemode=livemode)
        state["path"] = page.next_path
        if not page.next_path:
            state["step"] = "count"
    turn.pace(1, began)


def _is_endless(page: Page, path: str, pages: int) -> str:
    return "endless_list" if page.next_path == path or (page.next_path and pages >= MOST_PAGES) else ""


def _note_shown(turn: Turn, state: dict[str, Any], page: Page, *, livemode: bool) -> None:
    """Remember which of ours Stripe shows, and renew those that we call ended. Nobody new is bound."""
    app = _app(state)
    app_id = our_apps.object_id(app)
    shown = {
        row["account"]: row["facts"]
        for row in page.rows
        if row.get("status") in INSTALLED
        and row.get("livemode", livemode) == livemode
        and row.get("app", app_id) == app_id
        and "account" in row
    }
    ours = AccountCursor.objects.filter(stripe_account_id__in=list(shown), livemode=livemode)
    state["shown"] = state.get("shown", 0) + ours.update(seen_installed_at=Now())
    for account in sorted(known_accounts.uninstalled_among(list(shown), livemode=livemode, app=app)):
        _renew(turn, account, livemode=livemode, app=app)
    if not turn.is_dry:
        app_installs.learn(shown.items(), livemode=livemode, app=app)


def _renew(turn: Turn, account: str, *, livemode: bool, app: str) -> None:
    if turn.is_dry:
        turn.row.installs_mended += 1
        return
    now = timezone.now()
    whose: dict[str, Any] = {"stripe_account_id": account, "livemode": livemode, "app": app}
    install_reports.app_installed(**whose, reported_at=now, now=now)
    turn.row.installs_mended += bool(known_accounts.installed_among([account], livemode=livemode, app=app))


# --- What Stripe does not list ---------------------------------------------------------------------------------------


def _unseen(state: dict[str, Any], livemode: bool, limit: int) -> list[AccountCursor]:
    """The next accounts that this list did not show."""
    moment = parse_datetime(state["began"])
    unseen = AccountCursor.objects.filter(livemode=livemode, pk__gt=state.get("cursor", 0))
    unseen = unseen.filter(Q(seen_installed_at__isnull=True) | Q(seen_installed_at__lt=moment))
    return list(unseen.order_by("pk")[:limit])


def _gone(batch: list[AccountCursor], livemode: bool, app: str) -> list[str]:
    accounts = [cursor.stripe_account_id for cursor in batch]
    return sorted(known_accounts.installed_among(accounts, livemode=livemode, app=app))


def _count(turn: Turn, state: dict[str, Any], livemode: bool) -> None:
    ours = known_accounts.count_installed(livemode=livemode, app=_app(state))
    if ours and not state.get("shown"):
        _tell_none_shown(ours, livemode=livemode)
        _next_mode(turn, state, "none_shown")
        return
    batch = _unseen(state, livemode, _COUNTED_AT_ONCE)
    state["gone"] = state.get("gone", 0) + len(_gone(batch, livemode, _app(state)))
    if batch:
        state["cursor"] = batch[-1].pk
        with turn.save():
            pass
        return
    lately = _ended_lately(livemode)
    most = max(settings.KEY_BRAKE_ACCOUNTS - 1, settings.KEY_BRAKE_SHARE * (ours + lately))
    if state["gone"] and state["gone"] + lately > most:
        _hold(state["gone"], ours, lately)
        _next_mode(turn, state, "too_many_gone")
        return
    state.update(step="end", cursor=0)
    with turn.save():
        pass


def _ended_lately(livemode: bool) -> int:
    """How many installs of that mode searches ended within a day; not those that somebody had asked for by name."""
    runs = Reconciliation.objects.filter(only_account="", progress__has_key="installs_ended")
    runs = runs.filter(Q(finished_at__isnull=True) | Q(finished_at__gt=timezone.now() - A_DAY))
    ended = runs.values_list("progress__installs_ended", flat=True)
    return sum(counts.get(_word(livemode), 0) for counts in ended)


def _tell_none_shown(ours: int, *, livemode: bool) -> None:
    """Tell ops, unless Stripe never listed any: it may not list such apps."""
    if not AccountCursor.objects.filter(livemode=livemode, seen_installed_at__isnull=False).exists():
        return
    log.critical("Stripe's list of installs shows none of our %s; none was ended", ours)
    tell_ops(
        subject="Stripe's list of installs shows none of ours",
        body=f"It did before, and there are {ours} in {_word(livemode)} mode here, so the list was not believed and"
        " none was ended. If they are really gone, their keys die at their next check; one account is ended with"
        " `manage.py reconcile --installs --account acct_…`.",
        dedupe_key=f"installs-none-shown:{timezone.now():%Y-%m-%d}",
    )


def _hold(gone: int, ours: int, lately: int) -> None:
    log.critical("Stripe's list of installs lacks %s of our %s; none was ended", gone, ours)
    before = f" Another {lately} were ended within a day." if lately else ""
    tell_ops(
        subject="Stripe's list of installs lacks many of ours",
        body=f"It lacks {gone} of {ours}, which is more than merchants uninstall on their own, so none of them was"
        f" ended here.{before} If they are really gone, their keys die at their next check; one account is ended with"
        " `manage.py reconcile --installs --account acct_…`.",
        dedupe_key=f"installs-gone:{timezone.now():%Y-%m-%d}",
    )


def _end(turn: Turn, state: dict[str, Any], livemode: bool) -> None:
    batch = _unseen(state, livemode, _ASKED_AT_ONCE)
    if not batch:
        _next_mode(turn, state)
        return
    app = _app(state)
    _ask_about(turn, _gone(batch, livemode, app), livemode=livemode, app=app)
    state["cursor"] = batch[-1].pk
    with turn.save():
        pass


def _ask_about(turn: Turn, accounts: list[str], *, livemode: bool, app: str) -> None:
    """Ask Stripe about each of these accounts by itself, and act on what it says of it."""
    for account in accounts:
        began, reported_at = time.monotonic(), timezone.now()
        try:
            is_there = install_reports.installed_at_stripe(account, livemode=livemode, app=app)
        except StripeUnavailable:
            turn.stripe_was_silent()
            raise engine.GiveUp("StripeUnavailable") from None
        turn.stripe_answered()
        with turn.save():
            of_this: dict[str, Any] = {"livemode": livemode, "app": app}
            if is_there is False and known_accounts.installed_among([account], **of_this):
                _end_one(turn, account, **of_this, reported_at=reported_at)
            elif is_there and known_accounts.uninstalled_among([account], **of_this):
                _renew(turn, account, **of_this)
        turn.pace(1, began)


def _end_one(turn: Turn, account: str, *, livemode: bool, app: str, reported_at: datetime) -> None:
    turn.row.installs_mended += 1
    if turn.is_dry:
        return
    install_reports.app_uninstalled(
        stripe_account_id=account,
        livemode=livemode,
        reported_at=reported_at,
        still_installed=False,
        app=app,
        now=timezone.now(),
    )
    ended = turn.progress.setdefault("installs_ended", {})
    ended[_word(livemode)] = ended.get(_word(livemode), 0) + 1


_STEPS = {"list": _list, "count": _count, "end": _end}
