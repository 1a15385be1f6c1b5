"""A text that was looked up at the leak desk is found nowhere afterwards."""

import logging
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts import notices
from accounts.models import Notice
from stripe_keys.models import RestrictedKey
from tests import people
from tests.people import a_restricted_key
from tests.stripe_keys.leaks.desk import (
    DESK,
    act,
    look_up,
)

Status = RestrictedKey.Status


def everything_stored() -> str:
    """Every text and every byte in the database, as SQL writes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608  # names from the database itself
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_text_leaves_no_trace(
    olgas_browser: Client,
    key: RestrictedKey,
    token: str,
    caplog: pytest.LogCaptureFixture,
    mailoutbox: list[Any],
) -> None:
    strange, remark = a_restricted_key(), people.some_letters(40)
    secrets = [text[start : start + 12] for text in (token, strange, remark) for start in (9, 20, 28)]
    caplog.set_level(logging.DEBUG)

    seen = [
        look_up(olgas_browser, text)
        for text in (f"{remark} {token}\n{strange}", f"{remark} {strange}", remark)
    ]
    seen += [act(olgas_browser, key), olgas_browser.get(DESK)]
    for notice in Notice.objects.all():
        notices.send(notice)

    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    pages = [f"{answer.content.decode()} {answer.redirect_chain}" for answer in seen[:-1]]
    written = [f"{record.__dict__} {record.getMessage()}" for record in caplog.records]
    mails = [f"{mail.subject} {mail.message()}" for mail in mailoutbox]
    stored = everything_stored()
    assert "a text was read at the leak desk" in " ".join(written)
    assert key.last4 in stored
    for place in (*sessions, *pages, *written, *mails, stored, seen[-1].content.decode()):
        assert [secret for secret in secrets if secret in place] == []
    assert len(mails) == 1
    assert not LogEntry.objects.exists()


def test_search_for_traces_finds_one_that_is_there(key: RestrictedKey, token: str) -> None:
    key.status_changes.create(to_status="active", actor="x", reason=f"Found {token}")

    assert token[9:21] in everything_stored()


@pytest.fixture(params=[True, False], ids=["debug", "no debug"])
def broken_site(request: pytest.FixtureRequest, settings: Settings) -> None:
    """A site whose fingerprint keys were spoilt."""
    settings.DEBUG = request.param
    settings.FINGERPRINT_KEYS = ["broken"]


def test_failure_in_the_middle_tells_nothing_of_the_text(
    olgas_browser: Client, key: RestrictedKey, token: str, broken_site: None, caplog: pytest.LogCaptureFixture
) -> None:
    remark = people.some_letters(40)
    olgas_browser.raise_request_exception = False

    answer = olgas_browser.post(DESK, {"text": f"{remark} {token}"})

    assert answer.status_code == 500
    assert "BadKeyMaterial" in caplog.text
    for place in (answer.content.decode(), caplog.text):
        assert remark[:12] not in place
        assert token[9:21] not in place
