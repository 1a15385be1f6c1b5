"""The walk goes on where it was cut off, two at once do no harm, and single rows are told from a fault of ours."""

import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import audit, vault
from stripe_keys.audit import walk
from stripe_keys.models import KeyEnvelope, RestrictedKey, StatusChange, VaultAudit
from stripe_keys.vault import data_keys
from tests import production
from tests.stripe_keys.audit.damage import (
    a_kept_key,
    audited,
    damage,
    found,
    many_kept_keys,
    newest,
)
from tests.waiting import eventually
from work import engine, periodic
from work.models import PeriodicSlot

ALARM = "The vault audit found something"


def alarms() -> list[str]:
    """The bodies of the audits' mails to ops."""
    return list(Notice.objects.filter(subject=ALARM, merchant=None).values_list("body", flat=True))


def a_step(walking: audit.Walk) -> bool:
    """As little as a walk can do: a row, or the end of a kind."""
    return walking.advance(0)


def finish(walking: audit.Walk) -> None:
    while not a_step(walking):
        pass


# --- Going on --------------------------------------------------------------------------------------------------------


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


SLOWLY = """
import django
django.setup()
from stripe_keys import audit
walking = audit.Walk(audit.begin())
while not walking.advance(0):
    pass
"""


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_an_audit_survives_kill_9(ada: User, settings: Settings) -> None:
    damage(many_kept_keys(ada, 60)[0])
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY],
        cwd=production.PROJECT,
        env={**os.environ, "DATABASE_URL": production.environment()["DATABASE_URL"]},
    )
    eventually(lambda: sum(_counted().values()) >= 3, timeout=60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = sum(_counted().values())

    status, printed = _resumed()

    assert before < 60, "it was killed in the middle"
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


# --- Quarantine and its brake ----------------------------------------------------------------------------------------


def test_a_key_pasted_anew_meanwhile_is_not_quarantined(ada: User) -> None:
    key = a_kept_key(ada)
    whole = bytes(KeyEnvelope.objects.get(key=key).envelope)
    damage(key)
    walking = audit.Walk(audit.begin())
    while not newest().cursor.get("unreadable"):
        a_step(walking)

    KeyEnvelope.objects.filter(key=key).update(envelope=whole)
    finish(walking)

    key.refresh_from_db()
    assert key.quarantined_at is None


def test_ten_of_ten_are_rows_and_eleven_of_eleven_are_our_fault(ada: User) -> None:
    for key in (keys := many_kept_keys(ada, 11))[:10]:
        damage(key)
    audited()
    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 10
    RestrictedKey.objects.update(quarantined_at=None)
    damage(keys[10])

    status, printed = audited()

    assert status == 1
    assert "NO KEY WAS QUARANTINED" in printed
    assert "NO KEY WAS QUARANTINED" in alarms()[-1]
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()


def test_eleven_of_many_are_rows(ada: User) -> None:
    keys = many_kept_keys(ada, 220)
    for key in keys[:11]:
        damage(key)

    audited()

    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 11


def test_keys_in_quarantine_do_not_pull_the_brake_again(ada: User) -> None:
    keys = many_kept_keys(ada, 12)
    for key in keys:
        damage(key)
    RestrictedKey.objects.exclude(pk=keys[0].pk).update(quarantined_at=timezone.now())

    audited()

    keys[0].refresh_from_db()
    assert keys[0].quarantined_at is not None


# --- Every night -----------------------------------------------------------------------------------------------------


def test_the_first_run_of_a_day_audits_and_later_ones_do_not(ada: User) -> None:
    a_kept_key(ada)

    for _ in range(3):
        walk.advance_nightly()
    assert VaultAudit.objects.count() == 1

    yesterday = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0) - timedelta(seconds=1)
    VaultAudit.objects.update(started_at=yesterday)
    walk.advance_nightly()
    walk.advance_nightly()

    assert VaultAudit.objects.count() == 2
    assert not VaultAudit.objects.filter(finished_at=None).exists()


def test_an_unfinished_audit_is_finished_before_a_new_one_begins(db: None) -> None:
    started = audit.begin()
    VaultAudit.objects.update(started_at=timezone.now() - timedelta(days=3))

    walk.advance_nightly()

    started.refresh_from_db()
    assert started.finished_at is not None
    assert VaultAudit.objects.count() == 1


def test_the_job_is_known_to_the_workers() -> None:
    assert [job.seconds for job in periodic.jobs() if job.run is walk.advance_nightly] == [60]


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_audit_and_one_alarm(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    damage(a_kept_key(ada))
    monkeypatch.setattr(periodic, "_jobs", {})
    periodic.every(60, "advance-vault-audit", walk.advance_nightly)

    def work(_: int) -> None:
        try:
            periodic.create_slots()
            engine.drain("periodic")
            walk.advance_nightly()  # as if a slow worker's slot had been taken over
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    assert PeriodicSlot.objects.filter(state="done").exists()
    assert VaultAudit.objects.count() == 1
    assert len(alarms()) == 1
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert sum("vault audit" in record.getMessage() for record in critical) <= 1


# --- Alarms ----------------------------------------------------------------------------------------------------------


def test_the_alarm_says_what_was_found_and_what_to_do(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    key = a_kept_key(ada)
    damage(key)

    walk.advance_nightly()

    [body] = alarms()
    assert "restricted_key: 1 unreadable" in body
    assert f"restricted_key {key.pk} unreadable" in body
    assert "Quarantined since the audit began: 1." in body
    assert "Find out who or what wrote" in body
    assert f"/ops/stripe_keys/vaultaudit/{newest().pk}/" in body
    assert [
        r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL and "audit" in r.getMessage()
    ] == ["the vault audit found something: 2 ok, 1 unreadable"]


def test_nobody_is_told_that_all_is_well(ada: User) -> None:
    a_kept_key(ada)

    walk.advance_nightly()

    assert alarms() == []


def test_no_more_findings_are_kept_than_somebody_can_read(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "LISTED", 3)
    for key in many_kept_keys(ada, 5):
        damage(key)

    audited()

    assert len(newest().findings) == 3
    assert found("restricted_key") == {"unreadable": 5}


# --- A key service that is away --------------------------------------------------------------------------------------


@pytest.fixture
def service_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A key service of the site's own that answers nobody, and a record of who asked."""
    from stripe_keys.vault import ring
    from stripe_keys.vault.local_keys import LocalKeys

    asked: list[str] = []

    class Away(LocalKeys):
        def unwrap(self, kek_id: str, *_: object) -> bytes:
            asked.append(kek_id)
            raise vault.KeyServiceAway("Nobody answers.")

    monkeypatch.setattr(ring, "service", lambda _: Away())
    data_keys.forget()
    return asked


@pytest.fixture
def some_keys(ada: User, eve: User) -> list[RestrictedKey]:
    """Six keys of two merchants."""
    return [*many_kept_keys(ada, 3), *many_kept_keys(eve, 3)]


def test_a_nightly_walk_waits_for_the_service(
    some_keys: list[RestrictedKey], service_away: list[str]
) -> None:
    walk.advance_nightly()

    assert newest().finished_at is None
    assert alarms() == []
    assert len(service_away) == 1


def test_it_does_not_wait_for_ever_nor_ask_each_time(
    some_keys: list[RestrictedKey], service_away: list[str]
) -> None:
    audit.begin()
    VaultAudit.objects.update(started_at=timezone.now() - timedelta(hours=2))

    walk.advance_nightly()

    assert found("restricted_key") == {"unknown": 6}
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()
    assert len(alarms()) == 1
    assert len(service_away) == 3


def test_the_command_does_not_wait(some_keys: list[RestrictedKey], service_away: list[str]) -> None:
    status, printed = audited()

    assert status == 1
    assert "its service is away" in printed
