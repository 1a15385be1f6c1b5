"""Every line of the table of verdicts, through a worker's real check over real HTTP."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from stripe_keys import gateway, incidents, lifecycle, sentences, validation
from stripe_keys.models import AccountPace, KeyEnvelope, RestrictedKey, Validation
from stripe_keys.tasks import VALIDATIONS
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import kept
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import ACCOUNT, KEY_ID, QUOTED, ScriptedStripe
from tests.stripe_keys.verdicts.verdict_table import TABLE
from tests.stripe_keys.verdicts.verdict_words import ELSEWHERE, EXPIRED, OK, PATHS, REFUSED, Later, Row, Says
from work import engine

Status = RestrictedKey.Status
PATIENCE = 0.2


@pytest.fixture(scope="module")
def stripe() -> Iterator[ScriptedStripe]:
    """One scripted Stripe for all lines."""
    with scripted_stripe.running() as running:
        gateway.forget_connections()
        yield running
    gateway.forget_connections()


@pytest.fixture
def at_scripted_stripe(stripe: ScriptedStripe, settings: Settings, tmp_path: Path) -> ScriptedStripe:
    """The site asks the scripted Stripe, about four permissions."""
    manifest = tmp_path / "manifest.json"
    wanted = [{"permission": name, "purpose": "For a test."} for name in PATHS.values()]
    manifest.write_text(json.dumps({"permissions": wanted}))
    settings.STRIPE_APP_MANIFEST = str(manifest)
    settings.STRIPE_API_BASE = stripe.base_url
    settings.STRIPE_RATE_TEST, settings.KEY_SHORTEST_CHECK_SECONDS = 1e6, 0
    return stripe


def a_stored_key(status: str) -> RestrictedKey:
    """A key that has come to that status; one that was pasted just now waits for its check."""
    key = kept(a_restricted_key(), 1, status=status, account=ACCOUNT)
    if status == Status.PENDING:
        lifecycle.request_validation(key, reason=Validation.Reason.ADDED, now=timezone.now())
    else:
        RestrictedKey.objects.filter(pk=key.pk).update(stripe_key_id=KEY_ID, last_ok_at=timezone.now())
    key.refresh_from_db()
    return key


def let_time_pass(key: RestrictedKey, seconds: float) -> None:
    """Let what was written down be older by that much."""
    by = timedelta(seconds=seconds)
    RestrictedKey.objects.filter(pk=key.pk).update(first_refused_at=F("first_refused_at") - by)
    Validation.objects.filter(key=key).update(
        created_at=F("created_at") - by, due_at=F("due_at") - by, finished_at=F("finished_at") - by
    )
    AccountPace.objects.update(closed_until=F("closed_until") - by)


def look(key: RestrictedKey, stripe: ScriptedStripe, says: Says, settings: Settings) -> bool:
    """One check of `key`, due now, as the worker does it; False if it was put off."""
    stripe.answer = says.reply_to
    with_patience(settings, PATIENCE if any(one.end == "hang" for one in says.replies) else 20.0)
    if not Validation.objects.filter(key=key, state=Validation.State.WAITING).exists():
        lifecycle.request_validation(key, reason=Validation.Reason.PERIODIC, now=timezone.now())
    Validation.objects.filter(key=key, state=Validation.State.WAITING).update(due_at=timezone.now())
    [row] = engine.claim(VALIDATIONS)
    try:
        validation.process(row)
    except engine.Postpone as wish:
        engine.postpone(row, wish.delay, wish.problem)
        return False
    key.refresh_from_db()
    return True


def with_patience(settings: Settings, seconds: float) -> None:
    """Wait that long for answers from now on."""
    if seconds != settings.STRIPE_TIMEOUT_SECONDS:
        settings.STRIPE_TIMEOUT_SECONDS = seconds
        gateway.forget_connections()


def go_through(row: Row, key: RestrictedKey, stripe: ScriptedStripe, settings: Settings) -> None:
    """Let everything happen that the line says; no silence changes a status, and any answer closes the breaker."""
    for step in row.said:
        if isinstance(step, Later):
            let_time_pass(key, step.seconds)
            continue
        before = key.status
        is_done = look(key, stripe, step, settings)
        if is_done and step in (OK, REFUSED, EXPIRED, ELSEWHERE):
            assert not AccountPace.objects.filter(troubles__gt=0).exists()
        if step.kind == "silence" and row.told.problem != "account_unknown":
            assert key.status == before, "silence decides nothing"


def everything_written() -> str:
    """All rows of our tables, as text."""
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in ("stripe_keys", "accounts", "work") and model is not KeyEnvelope
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT row::text FROM {table} row" for table in tables))  # noqa: S608
        return "\n".join(text for (text,) in cursor.fetchall())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name.replace(" ", "-"))
def test_verdict(
    db: None,
    row: Row,
    at_scripted_stripe: ScriptedStripe,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    incidents.forget()
    key = a_stored_key(row.start)

    go_through(row, key, at_scripted_stripe, settings)

    notices = sentences.notices(key, timezone.now())
    titles = [one.title for one in notices]
    health = (key.status, key.last_problem, key.consecutive_failures, key.first_refused_at is not None)
    assert health == (row.status or row.start, row.told.problem, row.failures, row.refused)
    assert row.told.title in titles or (not row.told.title and not titles), titles
    assert all(one.text for one in notices)
    assert KeyEnvelope.objects.filter(key=key).exists() is key.is_kept
    assert QUOTED not in everything_written() + repr(notices) + caplog.text


def test_table_is_as_long_as_it_should_be_and_names_each_line_once() -> None:
    assert len(TABLE) >= 60
    assert len({row.name for row in TABLE}) == len(TABLE)
    assert {row.start for row in TABLE} == {Status.PENDING, Status.ACTIVE, Status.LIMITED}


def test_only_confirmed_401_ends_a_key_that_worked() -> None:
    proven = [row for row in TABLE if row.start != Status.PENDING]

    assert {row.name for row in proven if row.status == "expired"} == {
        row.name for row in proven if row.proves_death
    }


def test_word_that_must_go_no_further_is_in_what_stripe_says() -> None:
    silent = [row.name for row in TABLE if any(one is ELSEWHERE for one in row.looks)]
    spoken = [
        one for row in TABLE for says in row.looks for one in says.replies if QUOTED.encode() in one.body
    ]

    assert silent
    assert len(spoken) > 60
