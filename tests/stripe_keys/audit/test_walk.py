"""The walk goes on where it was cut off, and two at once do no harm."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from stripe_keys import audit
from stripe_keys.audit import walk
from stripe_keys.models import RestrictedKey, StatusChange, VaultAudit
from tests import production
from tests.stripe_keys.audit.damage import (
    a_kept_key,
    a_step,
    alarms,
    damage,
    finish,
    found,
    many_kept_keys,
    newest,
)
from tests.waiting import eventually


def test_a_walk_in_single_steps_counts_each_row_once(ada: User, eve: User, olga: User) -> None:
    many_kept_keys(ada, 4)
    many_kept_keys(eve, 3)

    finish(audit.Walk(audit.begin()))

    assert newest().counts["restricted_key"] == {"ok": 7}
    assert newest().counts["data_key"] == {"ok": 2}
    assert newest().counts["second_factor"] == {"ok": 2}


def test_another_goes_on_where_one_was_cut_off(ada: User) -> None:
    keys = many_kept_keys(ada, 5)
    damage(keys[0])
    started = audit.begin()
    first = audit.Walk(started)
    while newest().counts.get("restricted_key") != {"unreadable": 1, "ok": 1}:
        a_step(first)

    damage(keys[1])  # behind the cursor: not looked at again
    walk.advance_nightly()

    assert VaultAudit.objects.count() == 1
    assert newest().finished_at is not None
    assert found("restricted_key") == {"unreadable": 1, "ok": 4}


def test_two_at_once_count_each_row_once(ada: User) -> None:
    damage(many_kept_keys(ada, 6)[2])
    started = audit.begin()
    one, other = audit.Walk(started), audit.Walk(VaultAudit.objects.get(pk=started.pk))

    while not (a_step(one) and a_step(other)):
        pass

    assert found("restricted_key") == {"ok": 5, "unreadable": 1}
    assert len(alarms()) == 1
    assert StatusChange.objects.filter(reason__contains="does not open").count() == 1


def test_a_batch_that_was_overtaken_is_forgotten(ada: User) -> None:
    many_kept_keys(ada, 3)
    started = audit.begin()
    slow = audit.Walk(started)
    slow.audit.refresh_from_db()
    overtaken = slow.audit
    finish(audit.Walk(VaultAudit.objects.get(pk=started.pk)))

    slow.audit = overtaken
    slow._move({**overtaken.cursor, "left": []}, counts={"restricted_key": {"ok": 99}})

    assert found("restricted_key") == {"ok": 3}


@pytest.mark.django_db(transaction=True)
def test_threads_that_walk_together_count_each_row_once(ada: User) -> None:
    damage(many_kept_keys(ada, 20)[7])
    started = audit.begin()

    def walk_along(_: int) -> None:
        try:
            finish(audit.Walk(VaultAudit.objects.get(pk=started.pk)))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(walk_along, range(3)))

    assert found("restricted_key") == {"ok": 19, "unreadable": 1}
    assert len(alarms()) == 1
    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 1


UNTIL_IT_IS_KILLED = """
import signal
import django
django.setup()
from django.db import transaction
from stripe_keys import audit
walking = audit.Walk(audit.begin())
while True:
    with transaction.atomic():
        walking.advance(0)
        if sum(walking.audit.counts.get("restricted_key", {}).values()) == 10:
            signal.pause()  # in the middle of a step
"""


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_an_audit_survives_kill_9(ada: User, settings: Settings) -> None:
    damage(many_kept_keys(ada, 60)[0])
    process = subprocess.Popen(
        [sys.executable, "-c", UNTIL_IT_IS_KILLED],
        cwd=production.PROJECT,
        env={**os.environ, "DATABASE_URL": production.environment()["DATABASE_URL"]},
    )
    try:
        eventually(lambda: sum(_counted().values()) >= 10, timeout=60)
    finally:
        process.kill()
        process.wait()
    before = sum(_counted().values())

    status, printed = _resumed()

    assert before == 10, "the step that it was in was not made"
    assert VaultAudit.objects.count() == 1
    assert _counted() == {"ok": 59, "unreadable": 1}
    assert (status, len(alarms())) == (1, 1), printed


def _counted() -> dict[str, int]:
    row = VaultAudit.objects.order_by("-pk").first()
    return row.counts.get("restricted_key", {}) if row else {}


def _resumed() -> tuple[int, str]:
    from io import StringIO

    from django.core.management import CommandError, call_command

    out = StringIO()
    try:
        call_command("audit_vault", "--resume", stdout=out)
    except CommandError as refusal:
        return refusal.returncode, out.getvalue()
    return 0, out.getvalue()


def test_there_may_be_nothing_to_resume(db: None) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="no unfinished audit"):
        call_command("audit_vault", "--resume")


def test_a_kind_that_new_code_no_longer_knows_is_left_out(ada: User) -> None:
    a_kept_key(ada)
    started = audit.begin()
    VaultAudit.objects.filter(pk=started.pk).update(
        cursor={**started.cursor, "left": ["of yesterday", *started.cursor["left"]]}
    )

    finish(audit.Walk(started))

    assert found("restricted_key") == {"ok": 1}
