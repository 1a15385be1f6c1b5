"""The chapter on key custody, followed to the letter: its commands, in its order, against a database of their own."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from local_stack.postgres import program
from tests import production, quick_python

pytestmark = pytest.mark.processes
GUIDE = (production.PROJECT / "docs" / "operations.md").read_text().split("\n## Key custody\n")[1]
BLOCKS = {
    heading: re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    for heading, text in re.findall(r"\n### ([^\n]+)\n(.*?)(?=\n### |\Z)", GUIDE, re.DOTALL)
}
PASTE = """
from accounts.models import Merchant, User
from accounts.services import open_merchant
from django.utils import timezone
from stripe_keys import services
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
for number in range({first}, {first} + 3):
    user = User.objects.create_user(f"owner-{{number}}@example.com")
    merchant = open_merchant(user=user, name=f"Merchant {{number}}")
    services.add_key(merchant=merchant, user=user, secret=Secret(a_restricted_key()), now=timezone.now())
"""
OLGA = """
from allauth.mfa.models import Authenticator
from accounts.models import User
from stripe_keys import vault
olga = User.objects.create_user("olga@example.com", is_staff=True)
secret = vault.encrypt_site_secret("second-factor", "JBSWY3DPEHPK3PXP")
Authenticator.objects.create(user=olga, type="totp", data={"secret": secret})
"""
OPENED = """
from stripe_keys import vault
from stripe_keys.models import RestrictedKey
keys = RestrictedKey.objects.kept().filter(quarantined_at=None)
print("opened", sum(vault.decrypt(key).last4 == key.last4 for key in keys))
"""
A_MARK = """
from stripe_keys.ledger import entries
from work import engine
entries.note_mark()
engine.drain("ledger")
"""
REMOVE_ONE = """
from accounts.models import User
from django.utils import timezone
from stripe_keys import services
from stripe_keys.models import RestrictedKey
from work import engine
key = RestrictedKey.objects.kept().filter(quarantined_at=None).latest("created_at")
services.remove(key=key, user=User.objects.first(), now=timezone.now())
engine.drain("ledger")
"""


class Terminal:
    """A shell of somebody who operates the site, with its environment."""

    def __init__(self, folder: Path, database_url: str) -> None:
        commands = folder / "bin"
        for name in ("secrets", "backups", "ledger", "bin"):
            (folder / name).mkdir()
        for name in ("pg_dump", "pg_restore"):
            (commands / name).symlink_to(program(name))
        (commands / "python").symlink_to(quick_python.program())
        variables = production.environment(
            DATABASE_URL=database_url,
            DELETION_LEDGER=str(folder / "ledger" / "erased.jsonl"),
            OPS_ALERT_ADDRESSES="ops@example.com",
            SECRETS=str(folder / "secrets"),
            BACKUPS=str(folder / "backups"),
            KEY_ENCRYPTION_KEYS_FILE=str(folder / "secrets" / "key-encryption-keys"),
            FINGERPRINT_KEYS_FILE=str(folder / "secrets" / "fingerprint-keys"),
        )
        self._variables = {**variables, "PATH": os.pathsep.join([str(commands), variables["PATH"]])}
        del self._variables["KEY_ENCRYPTION_KEYS"], self._variables["FINGERPRINT_KEYS"]
        self.folder = folder

    def run(self, block: str, *, fails: bool = False) -> str:
        """Run the lines of a block as they stand; what they say. No line may fail, unless the last is to."""
        done = subprocess.run(
            ["sh", "-euc", block],
            cwd=production.PROJECT,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def lose(self, name: str) -> None:
        """A file is gone, and no copy turns up."""
        (self.folder / name).unlink()

    def python(self, lines: str) -> str:
        """Have the site do something meanwhile."""
        return self.run(f"python manage.py shell --no-imports -v 0 <<'END'\n{lines}\nEND")


@pytest.fixture
def terminal(db: None, tmp_path: Path) -> Iterator[Terminal]:
    """In front of an empty database."""
    name = "key_custody"
    address = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield Terminal(tmp_path, address._replace(path=f"/{name}").geturl())
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


def test_the_chapter_is_there_whole() -> None:
    commands = {
        word
        for blocks in BLOCKS.values()
        for block in blocks
        for word in re.findall(r"manage\.py (\w+)", block)
    }

    assert commands == {
        "after_restore", "audit_vault", "check", "declare_kek_lost", "migrate", "rebuild_ledger",
        "reset_second_factor", "rewrap_data_keys", "rotate_fingerprints", "rotate_merchant_key",
    }  # fmt: skip


def test_every_command_does_what_the_chapter_says(terminal: Terminal) -> None:
    [create] = BLOCKS["Create"]
    terminal.run(create)
    for name in ("key-encryption-keys", "fingerprint-keys"):
        assert (terminal.folder / "secrets" / name).stat().st_mode & 0o777 == 0o400
    terminal.python(PASTE.format(first=0) + OLGA)

    behind, first, rewrap, out = BLOCKS["Rotate the key-encryption key"]
    terminal.run(behind)
    terminal.run(first)
    assert "0 rows on kek k1" in terminal.run(rewrap)
    terminal.run(out)
    assert "opened 3" in terminal.python(OPENED)

    terminal.run(BLOCKS["Rotate data keys"][0])
    for block in BLOCKS["Rotate the fingerprint key"]:
        terminal.run(block)
    assert "opened 3" in terminal.python(OPENED)

    terminal.lose("secrets/key-encryption-keys")
    declare, of_staff = BLOCKS["Lose"]
    assert "3 keys quarantined" in terminal.run(declare)
    terminal.run(of_staff)
    assert "opened 0" in terminal.python(OPENED)
    terminal.python(PASTE.format(first=3))

    dump, restore, lost_ledger = BLOCKS["Back up and restore"]
    terminal.python(A_MARK)
    terminal.run(dump)
    terminal.python(REMOVE_ONE)
    to_the_restore, and_after = restore.split("python manage.py after_restore --dry-run", 1)
    terminal.run(to_the_restore)
    assert "after_restore" in terminal.run("python manage.py check --deploy", fails=True)
    terminal.run(f"python manage.py after_restore --dry-run{and_after}")
    assert "opened 2" in terminal.python(OPENED)

    terminal.lose("ledger/erased.jsonl")
    terminal.run(lost_ledger)
