"""What fails while a key is on its way: Stripe, the worker, the broker, the web process, the database, a statement."""

import contextlib
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import psycopg
import pytest
import requests
from psycopg import sql

from tests.journeys import sinks, surfaces
from tests.journeys.canary import Found
from tests.journeys.hunt import PASTE, Hunt
from tests.waiting import eventually
from tests.webhooks.deliveries import a_notification, encoded


def stripe_fails(hunt: Hunt, page: str) -> None:
    """Stripe fails in its ways while the next key is checked, and the worker is killed with that key in its hands."""
    key = hunt.made("paste form, while Stripe fails")
    for kind, path, more in (
        ("quoting", "payouts", {"status": 500}),
        ("quoting", "refunds", {"status": 402}),
        ("invalid_json", "customers", {}),
        ("truncated", "products", {}),
        ("reset", "invoices", {}),
        ("error", "prices", {}),
        ("hang", "charges", {"seconds": 30}),
    ):
        hunt.stripe.add_fault(kind, key=key["id"], path=f"/v1/{path}", **more)
    assert hunt.ada.post(page + "replace/", {"key": str(key["token"])}).status_code == 200
    eventually(lambda: [fault for fault in hunt.stripe.faults() if fault["kind"] == "hang"] == [])
    hunt.watch.look()
    hunt.stack.kill("worker", signal.SIGKILL)
    hunt.stripe.clear_faults()
    with psycopg.connect(hunt.stack.servers.database_url) as connection:
        connection.execute("UPDATE stripe_keys_validation SET lease_until = now() WHERE state = 'claimed'")
    hunt.wait_for(page, "A newer key took over")


def stripe_quotes_the_key(hunt: Hunt) -> str:
    """Stripe refuses a key with a 401 whose words and headers hold it; the address of its page."""
    key = hunt.made("paste form, quoted by Stripe")
    hunt.stripe.add_fault("quoting", key=key["id"], status=401, times=None)
    return hunt.ada.post(PASTE, {"key": key["token"]}).url.removeprefix(hunt.ada.base_url)


@contextmanager
def held_back(hunt: Hunt, name: str) -> Iterator[Future[requests.Response]]:
    """A paste that waits inside the view, key in hand, until this ends: soon, since a view waits a second at most."""
    form = {"csrfmiddlewaretoken": hunt.ada.open_form(PASTE), "key": hunt.known(name)}
    url = hunt.stack.servers.database_url
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as witness:
        lock = psycopg.connect(url)
        try:
            lock.execute("SELECT FROM accounts_merchant WHERE id = %s FOR UPDATE", [hunt.merchant])
            sent = pool.submit(hunt.ada.post_blindly, PASTE, form)
            eventually(lambda: witness.execute(_WAITING).fetchone())
            yield sent
        finally:
            with contextlib.suppress(psycopg.OperationalError):
                lock.close()
        hunt.watch.look()


_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'accounts_merchant'"


def broker_is_killed(hunt: Hunt) -> None:
    """Redis is killed in the middle of a paste; the key is saved and checked all the same."""
    try:
        with held_back(hunt, "paste form, while Redis dies") as sent:
            hunt.stack.kill("redis", signal.SIGKILL)
            eventually(lambda: not hunt.stack.pid("redis"))
        page = sent.result().url.removeprefix(hunt.ada.base_url)
        eventually(lambda: not hunt.ear.hears)
        hunt.saved += _files_of(hunt, "redis")
    finally:
        hunt.stack.start_process("redis")
    sinks.listen_closely_to_redis(hunt.stack)
    hunt.ear.wait()
    hunt.wait_for(page, "every permission we need")


def _files_of(hunt: Hunt, room: str) -> list[Found]:
    """What is in that folder now: the next start begins it anew."""
    files = (hunt.stack.folder / room).iterdir()
    return [
        Found("Redis append-only file", f"{room}/{path.name}, before", path.read_bytes())
        for path in files
        if path.is_file()
    ]


def web_worker_is_killed(hunt: Hunt) -> None:
    """The processes that answer are killed in the middle of a paste; gunicorn makes new ones."""
    workers = psutil.Process(hunt.stack.pid("web")).children()
    with held_back(hunt, "paste form, while gunicorn's workers die") as sent:
        for worker in workers:
            worker.kill()
        with pytest.raises(requests.ConnectionError):
            sent.result()
    hunt.stack.wait_until_ready("web")


def database_goes_away(hunt: Hunt) -> None:
    """PostgreSQL ends in the middle of a paste, and is away for what is sent meanwhile."""
    key = hunt.canaries.key
    forms = [
        (hunt.olga, PASTE, {"key": key("paste form, without PostgreSQL")}, hunt.olga.open_form("/ops/")),
        (
            hunt.stranger,
            "/accounts/login/",
            dict.fromkeys(("login", "password"), key("login form, without PostgreSQL")),
            hunt.stranger.open_form("/accounts/login/"),
        ),
    ]
    note = key("event, without PostgreSQL")
    try:
        with held_back(hunt, "paste form, while PostgreSQL dies") as held, ThreadPoolExecutor(3) as pool:
            hunt.stack.stop_process("postgres")
            sent = [held] + [
                pool.submit(browser.post_blindly, address, {"csrfmiddlewaretoken": token, **fields})
                for browser, address, fields, token in forms
            ]  # at once: the longer it is away, the later the site finds it back
            event = pool.submit(surfaces.deliver, hunt, encoded(a_notification()), note=note)
            hunt.watch.look()
    finally:
        hunt.stack.start_process("postgres")
    # Each finds out for itself that it is back, and refuses for a moment until then: one that answers says little.
    back: set[int] = set()
    eventually(lambda: _has_served_her(hunt, back) >= _web_processes(hunt), timeout=30)
    assert _statuses(*(each.result() for each in sent)) == [500 if hunt.debug else 503] * 3
    assert event.result() == 503


def _web_processes(hunt: Hunt) -> set[int]:
    return {child.pid for child in psutil.Process(hunt.stack.pid("web")).children()}


def _has_served_her(hunt: Hunt, so_far: set[int]) -> set[int]:
    """Ask once more; which web processes have shown Ada her keys by now."""
    with hunt.ada.get_anew("/stripe/keys/") as answer:
        assert answer.raw.connection is not None
        port = answer.raw.connection.sock.getsockname()[1]
        if answer.status_code == 200:
            so_far |= {process for process in _web_processes(hunt) if _speaks_to(process, port)}
    return so_far


def _speaks_to(process: int, port: int) -> bool:
    connections = psutil.Process(process).net_connections("tcp4")
    return any(connection.raddr and connection.raddr.port == port for connection in connections)


def statements_fail(hunt: Hunt) -> None:
    """A table is out of order: the paste view, a search at the desk and the events' door fail inside."""
    key = hunt.canaries.key
    token = hunt.ada.open_form(PASTE)  # that page looks at keys, too
    with out_of_order(hunt, "stripe_keys_restrictedkey"):
        form = {"csrfmiddlewaretoken": token, "key": hunt.known("paste form, when a statement fails")}
        pasted = hunt.ada.post_blindly(PASTE, form)
        asked = hunt.olga.get(surfaces.DESK, params={"q": key("search, when a statement fails")})
    with out_of_order(hunt, "webhooks_eventnotification"):
        event = surfaces.deliver(hunt, encoded(a_notification()), note=key("event, when a statement fails"))
    assert _statuses(pasted, asked) == [500, 500]
    assert ("InternalError" in pasted.text) is ("InternalError" in asked.text) is hunt.debug
    assert event == 503


_OUT_OF_ORDER = """
    BEGIN;
    ALTER TABLE {0} RENAME TO kept_meanwhile;
    CREATE FUNCTION out_of_order() RETURNS SETOF kept_meanwhile LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = 'XX000'; END $$;
    CREATE VIEW {0} AS SELECT * FROM out_of_order();
    COMMIT
"""
_IN_ORDER = """
    BEGIN;
    DROP VIEW {0};
    DROP FUNCTION out_of_order();
    ALTER TABLE kept_meanwhile RENAME TO {0};
    COMMIT
"""


@contextmanager
def out_of_order(hunt: Hunt, table: str) -> Iterator[None]:
    """In place of this table stands one that fails whoever reads or writes it."""
    in_place = sql.Identifier(table)
    with psycopg.connect(hunt.stack.servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL(_OUT_OF_ORDER).format(in_place))
        try:
            yield
        finally:
            connection.execute(sql.SQL(_IN_ORDER).format(in_place))


def _statuses(*answers: requests.Response) -> list[int]:
    return [answer.status_code for answer in answers]
