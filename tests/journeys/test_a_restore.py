"""The drill: dump, let keys end and a merchant close, lose the database, restore: what was erased stays erased."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, User
from local_stack.postgres import program
from stripe_keys import ledger, services, vault
from stripe_keys.clients import KeyEnded, KeyNotCheckedSinceRestore, stripe_client
from stripe_keys.erasing import erasures
from stripe_keys.gateway import StripeClient
from stripe_keys.models import DatabaseRestore, KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys
from stripe_keys.vault.envelopes import unlock
from tests import people, production, quick_python
from tests.stripe_keys.conftest import at_stripe, ledger_path
from tests.stripe_keys.keys import AtStripe, StripeKey, check_again, checked, paste
from tests.waiting import eventually
from work import engine

__all__ = ["at_stripe", "ledger_path"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
Status = RestrictedKey.Status
WEB = ["-c", "import partner_site.wsgi; print('serves')"]
RESTORED = "This database is older than the deletion ledger: it was restored. Run `manage.py after_restore`."


class Production:
    """The site in production on the database of this test, and the machine beneath it."""

    def __init__(self, folder: Path, settings: Settings, ledger_file: Path) -> None:
        self.environment = production.environment(DELETION_LEDGER=str(ledger_file))
        settings.SITE_ENVIRONMENT = "production"
        settings.KEY_ENCRYPTION_KEYS = [self.environment["KEY_ENCRYPTION_KEYS"]]
        settings.FINGERPRINT_KEYS = [self.environment["FINGERPRINT_KEYS"]]
        self.dump_file = folder / "site.dump"
        self.address = urlsplit(self.environment["DATABASE_URL"])
        self.database = self.address.path.lstrip("/")
        self.lost = f"{self.database}_lost"

    def start(self) -> subprocess.CompletedProcess[str]:
        """Start a web process, which ends as soon as it would serve."""
        return self._python(*WEB)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command as ops would."""
        return self._python("manage.py", *arguments)

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [quick_python.program(), *arguments],
            cwd=production.PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def dump(self) -> None:
        """Back the database up."""
        options = ["--format=custom", f"--file={self.dump_file}", self.address.geturl()]
        subprocess.run([program("pg_dump"), *options], check=True, capture_output=True)

    def restore(self) -> None:
        """Lose the database, and restore the dump into an empty one of its name."""
        self.on_server(f"ALTER DATABASE {self.database} RENAME TO {self.lost}")
        self.on_server(f"CREATE DATABASE {self.database}")
        options = ["--exit-on-error", "--no-owner", f"--dbname={self.address.geturl()}"]
        subprocess.run([program("pg_restore"), *options, self.dump_file], check=True, capture_output=True)

    def clear_up(self) -> None:
        """Drop the lost database."""
        self.on_server(f"DROP DATABASE IF EXISTS {self.lost}")

    def on_server(self, statement: str) -> None:
        """Run a statement while nobody is connected to the database."""
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
        elsewhere = self.address._replace(path="/postgres").geturl()
        with psycopg.connect(elsewhere, autocommit=True) as server:
            server.execute(statement)


@pytest.fixture
def site(tmp_path: Path, settings: Settings, ledger_path: Path) -> Iterator[Production]:
    """The site in production."""
    found = Production(tmp_path, settings, ledger_path)
    yield found
    found.clear_up()


def a_proven_key(
    at_stripe: AtStripe, user: User, *, livemode: bool = False
) -> tuple[RestrictedKey, StripeKey]:
    """A key that `user` has pasted and a worker has proven, and Stripe's side of it."""
    of_stripe = at_stripe.bound_key(user, livemode=livemode)
    key = checked(paste(user, of_stripe.token))
    assert key.status == Status.ACTIVE
    return key, of_stripe


def client_of(user: User, *, livemode: bool = False) -> StripeClient:
    """What the partner's engineers ask for."""
    return stripe_client(merchant=people.merchant_of(user), livemode=livemode)


def opens(envelope: KeyEnvelope) -> bool:
    """Whether any data key that is left opens an envelope, which need not be in the database any more."""
    place = vault.place_of(envelope.key).associated_data()
    for data_key in MerchantDataKey.objects.all():
        try:
            unlock(data_keys.unwrapped(data_key), bytes(envelope.envelope), place)
        except vault.WillNotOpen:
            continue
        return True
    return False


@pytest.fixture
def restored(
    site: Production, at_stripe: AtStripe, ada: User, eve: User, carla: User
) -> dict[str, RestrictedKey]:
    """Four keys as a restored dump has them; three have been erased since it was made."""
    kept, _ = a_proven_key(at_stripe, ada)
    removed, _ = a_proven_key(at_stripe, ada, livemode=True)
    expired, of_stripe = a_proven_key(at_stripe, eve)
    closed, _ = a_proven_key(at_stripe, carla)
    ledger.mark()
    engine.drain("ledger")
    site.dump()

    services.remove(key=removed, user=ada, now=timezone.now())
    at_stripe.admin.expire_key(of_stripe.id)
    check_again(expired)  # others are heard before a key is called dead
    assert check_again(expired).status == Status.EXPIRED
    merchant = people.merchant_of(carla)
    erasures.erase_merchant(merchant=merchant, actor="Carla", reason="Closed.", now=timezone.now())
    engine.drain("ledger")
    assert site.start().stdout == "serves\n"

    site.restore()
    return {"kept": kept, "removed": removed, "expired": expired, "closed": closed}


@pytest.fixture
def carla(db: None) -> User:
    """Carla, who will close her account."""
    return people.an_owner("carla@example.com", "Carla's Cords")


def test_what_was_erased_stays_erased_after_a_restore(
    site: Production, restored: dict[str, RestrictedKey], ada: User
) -> None:
    envelopes = {one.key.pk: one for one in KeyEnvelope.objects.select_related("key")}
    assert set(envelopes) == {key.pk for key in restored.values()}
    assert all(opens(envelope) for envelope in envelopes.values())
    assert client_of(ada, livemode=True)  # which is why nobody may be served from it
    _is_shut(site)

    looked = site.manage("after_restore", "--dry-run")
    assert "3 keys erased" in looked.stdout, looked.stderr
    _is_shut(site)
    done = site.manage("after_restore")
    assert "3 keys erased" in done.stdout, done.stderr
    assert "1 merchants closed" in done.stdout

    _are_erased_again(restored)
    assert not opens(
        envelopes[restored["closed"].pk]
    )  # not even the copy in the dump, with all that is left here
    with pytest.raises(KeyEnded):
        client_of(ada, livemode=True)
    _is_handed_out_after_a_check_alone(restored["kept"], ada)
    started = site.start()
    assert started.stdout == "serves\n", started.stderr


def _is_shut(site: Production) -> None:
    refused = site.start()
    assert (refused.returncode, refused.stdout) == (4, "")
    assert RESTORED in refused.stderr
    assert RESTORED in site.manage("check", "--deploy").stderr


def _are_erased_again(restored: dict[str, RestrictedKey]) -> None:
    assert [one.key for one in KeyEnvelope.objects.select_related("key")] == [restored["kept"]]
    statuses = {name: RestrictedKey.objects.get(pk=key.pk).status for name, key in restored.items()}
    assert statuses == {
        "kept": Status.ACTIVE,
        "removed": Status.REMOVED,
        "expired": Status.EXPIRED,
        "closed": Status.REMOVED,
    }
    closed = Merchant.objects.get(pk=restored["closed"].merchant_id)
    assert closed.closed_at is not None
    assert not MerchantDataKey.objects.filter(merchant=closed).exists()


def _is_handed_out_after_a_check_alone(key: RestrictedKey, owner: User) -> None:
    assert isinstance(vault.decrypt(key), Secret)
    with pytest.raises(KeyNotCheckedSinceRestore):
        client_of(owner)

    restore = DatabaseRestore.objects.get()
    eventually(lambda: (checked(key).last_ok_at or restore.restored_at) > restore.restored_at)

    assert client_of(owner)
