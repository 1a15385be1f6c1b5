"""A process does not start with a missing or wrong key-encryption key, and is not kept from starting by an outage."""

import base64
import os
import socket
import time
from collections.abc import Iterator

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from partner_site import startup
from stripe_keys import vault
from stripe_keys.models import KekCanary, RestrictedKey
from stripe_keys.vault import data_keys, ring
from stripe_keys.vault.local_keys import LocalKeys
from tests import production
from tests.people import a_restricted_key
from tests.stripe_keys.keys import paste


def a_local_key(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


def found_by_check() -> dict[str, str]:
    """What `check --deploy` says about key-encryption keys, by id."""
    ours = {f"stripe_keys.{number}" for number in ("E007", "W001", "I001")}
    return {str(each.id): each.msg for each in run_checks(include_deployment_checks=True) if each.id in ours}


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """A key of Ada's, under the configured key-encryption key."""
    return paste(ada, a_restricted_key())


def test_the_right_keys_are_no_problem(key: RestrictedKey) -> None:
    assert startup.problems_with_keys() == []
    assert found_by_check() == {}


@pytest.mark.django_db
def test_the_first_start_makes_the_canary_of_the_primary() -> None:
    assert startup.problems_with_keys() == []
    assert startup.problems_with_keys() == []

    assert KekCanary.objects.filter(kek_id=vault.primary_kek_id()).count() == 1


def test_a_missing_key_is_a_problem_with_its_name(key: RestrictedKey, settings: Settings) -> None:
    [lost] = [entry.partition(":")[0] for entry in settings.KEY_ENCRYPTION_KEYS]
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("fresh")]

    [problem] = startup.problems_with_keys()

    assert problem == f"The key-encryption key {lost!r} is not configured."
    assert found_by_check() == {"stripe_keys.E007": problem}
    assert not KekCanary.objects.filter(kek_id="fresh").exists(), (
        "nothing is written while something is wrong"
    )


def test_another_key_of_the_same_name_is_a_problem(key: RestrictedKey, settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key(vault.primary_kek_id())]

    [problem] = startup.problems_with_keys()

    assert "is not the one that this database was written with" in problem
    assert list(found_by_check()) == ["stripe_keys.E007"]
    assert settings.KEY_ENCRYPTION_KEYS[0].partition(":")[2] not in problem


def test_a_wrong_key_is_noticed_before_anything_is_stored_under_it(db: None, settings: Settings) -> None:
    startup.problems_with_keys()
    settings.KEY_ENCRYPTION_KEYS = [a_local_key(vault.primary_kek_id())]

    assert len(startup.problems_with_keys()) == 1


def test_another_environment_is_a_problem(key: RestrictedKey, settings: Settings) -> None:
    settings.SITE_ENVIRONMENT = "elsewhere"

    assert len(startup.problems_with_keys()) == 1


def test_an_altered_canary_is_named_for_what_it_is(key: RestrictedKey) -> None:
    KekCanary.objects.update(wrapped=b"\x01" * 120)

    [problem] = startup.problems_with_keys()

    assert "delete that row" in problem


def test_a_key_that_was_declared_lost_keeps_nobody_out(
    key: RestrictedKey, olga: User, settings: Settings
) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("fresh")]
    data_keys.forget()
    RestrictedKey.objects.update(quarantined_at=timezone.now())

    assert startup.problems_with_keys() == []
    assert list(found_by_check()) == ["stripe_keys.W001"]


@pytest.fixture
def service_away(key: RestrictedKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key service of the site's own that answers nobody."""

    class Away(LocalKeys):
        def unwrap(self, kek_id: str, *_: object) -> bytes:
            raise vault.KeyServiceAway("Nobody answers.")

    monkeypatch.setattr(ring, "service", lambda _: Away())
    data_keys.forget()
    yield
    data_keys.forget()


def test_a_service_that_is_away_keeps_nobody_from_starting(
    service_away: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert startup.problems_with_keys() == []

    assert "a key service is away" in caplog.text
    assert list(found_by_check()) == ["stripe_keys.W001"]


@pytest.mark.django_db
def test_a_database_that_is_not_migrated_keeps_nobody_from_starting() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE stripe_keys_kekcanary")

    assert startup.problems_with_keys() == []


@pytest.mark.django_db
def test_the_check_says_when_it_could_not_ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE stripe_keys_kekcanary")

    assert list(found_by_check()) == ["stripe_keys.I001"]


def test_whoever_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    monkeypatch.setattr(startup, "PATIENCE_SECONDS", 0.1)
    end = Event()
    began = time.monotonic()

    assert startup._in_time(lambda: "too late" if end.wait(20) else "never") is None

    end.set()
    assert time.monotonic() - began < 10


def test_what_goes_wrong_while_asking_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        startup._in_time(lambda: 1 // 0)


# --- Real processes --------------------------------------------------------------------------------------------------

WEB = ["-c", "import partner_site.wsgi; print('serves')"]
WORKER = ["-m", "celery", "-A", "partner_site", "worker", "--pool", "solo"]
# Loading the code is not what this is about, and takes as long as the machine likes.
WEB_WITH_A_WATCH = """
import time, django
django.setup()
import partner_site.urls
began = time.monotonic()
import partner_site.wsgi
print(time.monotonic() - began)
"""


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_process_with_a_wrong_key_ends() -> None:
    entry = production.an_encryption_key("2026-01")
    right = production.run(*WEB, env=production.environment(KEY_ENCRYPTION_KEYS=entry))
    assert right.stdout == "serves\n", right.stderr
    wrong = production.an_encryption_key("2026-01")

    for process in (WEB, WORKER):
        ended = production.run(*process, env=production.environment(KEY_ENCRYPTION_KEYS=wrong))

        assert ended.returncode == startup.REFUSED, process
        assert "The key-encryption key '2026-01' is not the one" in ended.stderr
        assert wrong.partition(":")[2] not in ended.stderr + ended.stdout


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_process_starts_within_seconds_while_the_database_hangs() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        address = f"postgres://nobody@127.0.0.1:{deaf.getsockname()[1]}/none"

        ended = production.run("-c", WEB_WITH_A_WATCH, env=production.environment(DATABASE_URL=address))

    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 20
