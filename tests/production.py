"""The environment of a production process, for tests that start one."""

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from tests import people

PROJECT = Path(__file__).resolve().parent.parent
_FROM_THE_MACHINE = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


def an_encryption_key(key_id: str = "") -> str:
    """A fresh entry for KEY_ENCRYPTION_KEYS or FINGERPRINT_KEYS; a database that knows the id knows other bytes."""
    return f"{key_id or people.some_letters(8)}:{base64.b64encode(os.urandom(32)).decode()}"


def environment(**changes: str) -> dict[str, str]:
    """Every variable that production needs, all safe, then `changes`; the database is the one of the tests."""
    kept = {name: os.environ[name] for name in _FROM_THE_MACHINE if name in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "partner_site.settings",
        "SECRET_KEY": people.some_letters(64),
        "SITE_URL": "https://partner.example.com",
        "DATABASE_URL": _test_database_url(),
        "REDIS_URL": os.environ["REDIS_URL"],
        "EMAIL_URL": "smtp://127.0.0.1:9",
        "STRIPE_APP_ID": "com.example.partner",
        "STRIPE_APP_OBJECT_ID": "app_1" + people.some_letters(16),
        "STRIPE_PLATFORM_KEY_LIVE": people.a_secret_key(livemode=True),
        "STRIPE_APP_SIGNING_SECRETS": "absec_" + people.some_letters(32),
        "STRIPE_WEBHOOK_SECRETS": f"events:{people.a_signing_secret()}",
        "KEY_ENCRYPTION_KEYS": an_encryption_key(),
        "FINGERPRINT_KEYS": an_encryption_key(),
        "OPS_ALERT_ADDRESSES": "ops@example.com",
        "DELETION_LEDGER": str(Path(tempfile.gettempdir()) / f"ledger-{people.some_letters(12)}.jsonl"),
        **changes,
    }


def _test_database_url() -> str:
    """DATABASE_URL, but with the name of the database that the tests use."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def run(*arguments: str, env: dict[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run this Python with `arguments` in the project's folder and return how it ended and what it said."""
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *arguments],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
