"""`manage.py replay_events`: have events from Stripe processed again, chosen by their ids or by conditions."""

import getpass
import os
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from stripe_keys.management.numbers import whole_number
from webhooks import replays
from webhooks.management.words import moment, past_moment, word
from webhooks.models import EventNotification
from work.management.database import DatabaseCommand

_WRONG_CHOICE = 2
_NOTHING_CHOSEN = 3
_ANY = "any"


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}"


class Command(DatabaseCommand):
    """Shows what would be replayed and asks, unless it is told `--yes`.

    Exit status 0: replayed, or a dry run. 1: not confirmed. 2: the choice is too wide or contradicts itself. 3: nothing
    there that could be replayed. Whoever breaks it off loses nothing: what was replayed by then is written down.
    """

    help = "Have events from Stripe processed again: dead ones unless another state or outcome is asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which events, how many of them, and whether to look only."""
        parser.add_argument(
            "ids", nargs="*", type=word, metavar="evt_…", help="these events, whatever their state"
        )
        parser.add_argument("--since", type=past_moment, metavar="MOMENT", help="arrived then or later (UTC)")
        parser.add_argument("--until", type=moment, metavar="MOMENT", help="arrived before then (UTC)")
        parser.add_argument("--type", type=word, default="", metavar="TYPE", help="of this type")
        parser.add_argument(
            "--account", type=word, default="", metavar="acct_…", help="of this Stripe account"
        )
        states = [*(state.value for state in replays.STATES), _ANY]
        parser.add_argument("--state", choices=states, help="dead (the default), done or any")
        outcomes = [value for value in EventNotification.Outcome.values if value]
        parser.add_argument("--outcome", choices=outcomes, default="", help="done, with this outcome")
        limit = whole_number(least=1, most=10_000_000)
        parser.add_argument("--limit", type=limit, metavar="N", help="the N oldest of them")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what it would be, and change nothing"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--by", type=word, default="", metavar="WHO", help="who wants it, for the record")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show the choice, ask, replay."""
        conditions = self._conditions(options)
        found = replays.summary(conditions.events(), limit=options["limit"])
        total = sum(count for _, _, count in found)
        for kind, state, count in found:
            self.stdout.write(f"{count:>9} {state:<5} {kind}")
        self._name_what_cannot(conditions)
        if not total:
            raise CommandError(
                "Nothing that could be replayed meets these conditions.", returncode=_NOTHING_CHOSEN
            )
        if options["dry_run"]:
            self.stdout.write(f"replay_events: dry_run=yes events={total}")
            return
        self._ask(total, told_yes=options["yes"])
        by = options["by"] or f"replay_events ({_system_user()})"
        done = replays.replay(
            conditions.events(), by=by, chosen=self._written(conditions, options), limit=options["limit"]
        )
        self.stdout.write(f"replay_events: dry_run=no events={done}")

    def _conditions(self, options: dict[str, Any]) -> replays.Conditions:
        if not options["ids"] and options["since"] is None:
            raise CommandError(
                "Say which: ids, or --since (and more conditions if you like).", returncode=_WRONG_CHOICE
            )
        if options["since"] and options["until"] and options["since"] >= options["until"]:
            raise CommandError("--since must be before --until.", returncode=_WRONG_CHOICE)
        if options["outcome"] and options["state"] == EventNotification.State.DEAD:
            raise CommandError("Only done events have an outcome.", returncode=_WRONG_CHOICE)
        usual = _ANY if options["ids"] or options["outcome"] else EventNotification.State.DEAD.value
        state = options["state"] or usual
        return replays.Conditions(
            ids=tuple(options["ids"]),
            since=options["since"],
            until=options["until"],
            type=options["type"],
            account=options["account"],
            state="" if state == _ANY else state,
            outcome=options["outcome"],
        )

    def _written(self, conditions: replays.Conditions, options: dict[str, Any]) -> dict[str, Any]:
        limit = {"limit": options["limit"]} if options["limit"] else {}
        return {**conditions.written(), **limit}

    def _name_what_cannot(self, conditions: replays.Conditions) -> None:
        """Ids that were asked for by name and will not be replayed."""
        if not conditions.ids:
            return
        can = set(replays.replayable(conditions.events()).values_list("event_id", flat=True))
        for event_id in conditions.ids:
            if event_id not in can:
                self.stdout.write(
                    f"{event_id}: unknown, not at an end, not as asked for, or too old to be read"
                )

    def _ask(self, total: int, *, told_yes: bool) -> None:
        if told_yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to be asked: say --yes, or --dry-run to look only.")
        if input(f"Have {total} events processed again? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was replayed.")
