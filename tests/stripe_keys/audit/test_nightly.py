"""One audit a night, one alarm an audit; a key service that is away is waited for."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import audit, vault
from stripe_keys.audit import walk
from stripe_keys.models import RestrictedKey, VaultAudit
from stripe_keys.vault import data_keys
from tests.stripe_keys.audit.damage import (
    a_kept_key,
    alarms,
    audited,
    damage,
    found,
    many_kept_keys,
    newest,
)
from work import engine, periodic
from work.models import PeriodicSlot


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


@pytest.mark.django_db
def test_an_audit_of_nothing_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="stripe_keys.audit")

    audited()

    assert "everything in order: nothing is stored yet" in caplog.text


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
