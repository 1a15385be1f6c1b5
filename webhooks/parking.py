"""Events that came too early: parked until somebody connects their account, or brings the key that they are about.

A periodic job looks, again and again, at what is parked. So it makes no difference whether an account is connected long
after its event was parked or at that very moment.
"""

import threading
from typing import Any

from django.db import connection

from stripe_keys import reports
from webhooks import inbox
from webhooks.handlers import ROTATION_WAITS, UNKNOWN_KEY, WAITED_LONG
from webhooks.models import EventNotification
from work import bell

SECONDS = 5
ACCOUNTS_AT_ONCE = 2000
EVENTS_AT_ONCE = 5000

# A loose index scan: one index probe per account and mode, however many events of it are parked.
_PARKED = """
    WITH RECURSIVE parked (account, livemode) AS (
        ({next_one})
        UNION ALL
        SELECT one.* FROM parked, LATERAL ({next_after_it}) one
    )
    SELECT account, livemode FROM parked LIMIT %(limit)s"""
_NEXT = """
    SELECT stripe_account_id, livemode FROM {table}
    WHERE outcome = 'parked' AND (stripe_account_id, livemode) > ({account}, {livemode})
    ORDER BY stripe_account_id, livemode LIMIT 1"""

# What waits for its account is done now; what waits for a key, if that is here, and at last when it has waited long.
# MATERIALIZED: else a plan may choose anew for each row that it meets, and go beyond the limit.
_TAKE_UP = """
    WITH early AS MATERIALIZED (
        SELECT id, {waited} AS waited
        FROM {table} JOIN unnest(%(accounts)s::text[], %(modes)s::bool[]) AS known (account, mode)
            ON stripe_account_id = known.account AND livemode = known.mode
        WHERE outcome = 'parked' AND state = 'done' AND (
            outcome_note <> %(for_key)s OR {waited} OR (stripe_account_id, livemode, stripe_key_id) IN (
                SELECT * FROM unnest(%(key_accounts)s::text[], %(key_modes)s::bool[], %(keys)s::text[])
            )
        )
        LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE {table} t SET state = 'waiting', attempts = 0, due_at = statement_timestamp(), finished_at = NULL,
        silent_since = NULL, outcome = '', outcome_note = CASE WHEN early.waited THEN %(waited)s ELSE '' END
    FROM early WHERE t.id = early.id
    RETURNING t.lane"""
_WAITED = "(outcome_note = %(for_key)s AND least(stripe_created_at, created_at) < statement_timestamp() - %(longest)s)"

Account = tuple[str, bool]
_BEGIN: Account = ("", False)


class _Position:
    """Where this process goes on: the accounts after the last one that it looked at."""

    def __init__(self) -> None:
        self.after = _BEGIN
        self.lock = threading.Lock()


_position = _Position()


def begin_anew() -> None:
    """Go on with the first account."""
    _position.after = _BEGIN


def look() -> None:
    """Take up what can be by now."""
    take_up()


def take_up() -> int:
    """Let the next parked events whose time has come be processed; returns how many.

    Looks at ACCOUNTS_AT_ONCE accounts, and goes on behind them the next time.
    """
    with _position.lock:
        accounts = parked_accounts(_position.after)
        _position.after = accounts[-1] if len(accounts) == ACCOUNTS_AT_ONCE else _BEGIN
    known = reports.known_accounts(accounts)
    if not known:
        return 0
    lanes = _taken_up(known, reports.kept_key_ids(known))
    for lane in set(lanes):
        bell.ring_on_commit(inbox.QUEUE, lane)
    return len(lanes)


def parked_accounts(after: Account = _BEGIN) -> list[Account]:
    """The next ACCOUNTS_AT_ONCE accounts, each with its mode, that have parked events."""
    table = connection.ops.quote_name(EventNotification._meta.db_table)
    statement = _PARKED.format(
        next_one=_NEXT.format(table=table, account="%(account)s", livemode="%(livemode)s"),
        next_after_it=_NEXT.format(table=table, account="parked.account", livemode="parked.livemode"),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"account": after[0], "livemode": after[1], "limit": ACCOUNTS_AT_ONCE})
        return [(account, livemode) for account, livemode in cursor.fetchall()]


def _taken_up(accounts: set[Account], keys: set[tuple[str, bool, str]]) -> list[str]:
    """Let the accounts' parked events wait again whose time has come; the lane of each."""
    values: dict[str, Any] = {
        "accounts": [account for account, _ in accounts],
        "modes": [livemode for _, livemode in accounts],
        "for_key": UNKNOWN_KEY,
        "waited": WAITED_LONG,
        "key_accounts": [account for account, _, _ in keys],
        "key_modes": [livemode for _, livemode, _ in keys],
        "keys": [key_id for _, _, key_id in keys],
        "longest": ROTATION_WAITS,
        "limit": EVENTS_AT_ONCE,
    }
    table = connection.ops.quote_name(EventNotification._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_UP.format(table=table, waited=_WAITED), values)
        return [lane for (lane,) in cursor.fetchall()]
