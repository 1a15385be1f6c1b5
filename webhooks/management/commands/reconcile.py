"""`manage.py reconcile`: search Stripe for what never reached us, now, and wait for the end."""

import re
import time
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from stripe_keys import reports
from stripe_keys.management.numbers import whole_number
from webhooks import reconciling, tasks
from webhooks.management.words import past_moment
from webhooks.models import Reconciliation
from work import engine
from work.management.database import DatabaseCommand

_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)
_BY = "manage.py reconcile"
_PHASES = ("events", "installs", "keys")
_LOOK_SECONDS, _LINE_SECONDS = 0.5, 1.0
_LONGEST_HOURS = 30 * 24
_FAILED_SOME = 2


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise ArgumentTypeError("an account's id (acct_…), please.")
    return text


class Command(DatabaseCommand):
    """Works on the run itself, or follows the worker that does; so it needs no worker.

    Whoever breaks it off loses nothing: the same call goes on where it was, at the latest a minute later. Exit status
    0: all was looked at. 2: all but some accounts, which the ops desk names. 1: it did not come to its end.
    """

    help = "Find what Stripe did not deliver: events, installs, and keys to look at again."

    def add_arguments(self, parser: CommandParser) -> None:
        """From when on, whose, what, and whether to look only."""
        begin = parser.add_mutually_exclusive_group()
        begin.add_argument("--since", type=past_moment, metavar="MOMENT", help="search from then on (UTC)")
        hours = whole_number(least=1, most=_LONGEST_HOURS)
        begin.add_argument("--hours", type=hours, metavar="N", help="search the last N hours")
        parser.add_argument("--account", type=_account, metavar="acct_…", help="this account only")
        for phase in _PHASES:
            parser.add_argument(f"--{phase}", action="store_true", help=f"{phase} only")
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and change nothing")
        limit = whole_number(least=1, most=10_000_000)
        parser.add_argument(
            "--limit", type=limit, metavar="N", help="N accounts, the longest unsearched first"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on with the run of these options or begin it, and work or wait until it is over."""
        began = time.monotonic()
        run = self._run_of(options)
        try:
            with reconciling.following(self._tell):
                run = self._to_its_end(run)
        except KeyboardInterrupt:
            raise CommandError(
                "Broken off. Nothing is lost: the same call goes on.", returncode=130
            ) from None
        self._end(run, time.monotonic() - began)

    def _run_of(self, options: dict[str, Any]) -> Reconciliation:
        since: datetime | None = options["since"]
        named = tuple(phase for phase in _PHASES if options[phase])
        wanted = reconciling.Options(
            phases=named or _PHASES,
            dry_run=options["dry_run"],
            limit=options["limit"],
            since=since.isoformat() if since else f"{options['hours']} hours" if options["hours"] else "",
        )
        account = options["account"] or ""
        if account and not any(reports.has_account(account, livemode=mode) for mode in (True, False)):
            raise CommandError(f"No merchant has anything of {account}.")
        run = reconciling.open_run(options=wanted, asked_for_by=_BY, account=account)
        if run is not None:
            self.stdout.write(f"Going on with the run of {run.created_at:%Y-%m-%d %H:%M:%S} UTC.")
            return run
        if options["hours"]:
            since = timezone.now() - timedelta(hours=options["hours"])
        return reconciling.begin(options=wanted, asked_for_by=_BY, since=since, account=account)

    def _to_its_end(self, run: Reconciliation) -> Reconciliation:
        """Work on whatever is first in the lane, and look at ours in between."""
        waits_for = ""
        self._told_at, self._run = 0.0, run
        while True:
            engine.drain(tasks.RECONCILIATIONS, Reconciliation.LANE)
            run.refresh_from_db()
            if run.state in (run.State.DONE, run.State.DEAD):
                return run
            reason = run.problem or ("" if run.state == run.State.WAITING else run.claimed_by)
            if reason and reason != waits_for:
                self.stdout.write(f"waiting: {reason}")
            waits_for = reason
            self._tell(run)
            time.sleep(_LOOK_SECONDS)

    def _tell(self, run: Reconciliation) -> None:
        """A line now and then, about our run only."""
        if run.pk != self._run.pk or time.monotonic() - self._told_at < _LINE_SECONDS:
            return
        self._told_at = time.monotonic()
        self.stdout.write(
            f"{run.phase}: accounts {run.accounts_done + run.accounts_failed}/{run.accounts_total}"
            f" events {run.events_listed} missed {run.events_missed}"
            f" installs mended {run.installs_mended} keys to check {run.keys_to_check}"
        )

    def _end(self, run: Reconciliation, seconds: float) -> None:
        for about, code in sorted(run.progress.get("notes", {}).items()):
            self.stdout.write(f"{about}: {code.replace('_', ' ')}")
        self.stdout.write(
            f"reconcile: state={run.state} dry_run={'yes' if run.progress['options']['dry_run'] else 'no'}"
            f" accounts={run.accounts_done} failed={run.accounts_failed} listed={run.events_listed}"
            f" missed={run.events_missed} early={run.progress.get('events_early', 0)}"
            f" installs_mended={run.installs_mended} keys_to_check={run.keys_to_check} seconds={seconds:.1f}"
        )
        if run.state == run.State.DEAD:
            raise CommandError(f"It did not come to its end: {run.problem}. Run it again.")
        if run.accounts_failed:
            raise CommandError(
                "Some accounts could not be looked at: ops desk, Account cursors.", returncode=_FAILED_SOME
            )
