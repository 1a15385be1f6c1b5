"""What the site refuses in its settings: each refusal, and that none shows a value."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from pytest_django import Settings

from partner_site.checks import SECRETS, TAG
from tests import people


def a_key(key_id: str = "2026-01") -> str:
    return f"{key_id}:{base64.b64encode(people.some_letters(32).encode()).decode()}"


@pytest.fixture
def production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as production should have them: nothing to refuse."""
    monkeypatch.delenv("STRIPE_LOG", raising=False)
    settings.SITE_ENVIRONMENT = "production"
    settings.DEBUG = False
    settings.SITE_URL = "https://partner.example.com"
    settings.SITE_HOST = "partner.example.com"
    settings.SITE_IS_HTTPS = True
    settings.ALLOWED_HOSTS = ["partner.example.com"]
    settings.SECRET_KEY = people.some_letters(64)
    settings.SECRET_KEY_FALLBACKS = []
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    settings.STRIPE_INSTALL_BASE = "https://marketplace.stripe.com"
    settings.STRIPE_DASHBOARD_BASE = "https://dashboard.stripe.com"
    settings.STRIPE_WEBHOOK_SECRETS = [f"events:{people.a_signing_secret()}"]
    settings.STRIPE_APP_SIGNING_SECRETS = ["absec_" + people.some_letters(32)]
    settings.STRIPE_PLATFORM_KEY_LIVE = people.a_secret_key(livemode=True)
    settings.STRIPE_PLATFORM_KEY_TEST = people.a_secret_key()
    settings.STRIPE_MANAGED_KEY_LIVE = people.a_secret_key(livemode=True)
    settings.STRIPE_MANAGED_KEY_TEST = people.a_secret_key()
    settings.KEY_ENCRYPTION_KEYS = [a_key()]
    settings.FINGERPRINT_KEYS = [a_key()]
    settings.OPS_ALERT_ADDRESSES = ["ops@example.com"]
    settings.METRICS_TOKEN = people.some_letters(40)
    return settings


def refusals() -> set[str]:
    """The ids of what is refused now."""
    return {str(message.id) for message in run_checks(tags=[TAG])}


def test_settings_as_they_should_be_are_not_refused(production: Settings) -> None:
    assert run_checks(tags=[TAG]) == []


CASES: list[tuple[str, dict[str, Any]]] = [
    ("E001", {"DEBUG": True}),
    ("E002", {"ALLOWED_HOSTS": ["other.example.com"]}),
    ("E003", {"DEBUG": True}),
    ("E004", {"SITE_IS_HTTPS": False}),
    ("E005", {"ALLOWED_HOSTS": ["*", "partner.example.com"]}),
    ("E005", {"ALLOWED_HOSTS": [".example.com", "partner.example.com"]}),
    ("E011", {"STRIPE_PLATFORM_KEY_LIVE": people.a_secret_key(livemode=False)}),
    ("E011", {"STRIPE_PLATFORM_KEY_TEST": people.a_secret_key(livemode=True)}),
    ("E011", {"STRIPE_MANAGED_KEY_LIVE": people.a_secret_key(livemode=False)}),
    ("E011", {"STRIPE_MANAGED_KEY_TEST": people.a_secret_key(livemode=True)}),
    ("E012", {"STRIPE_API_BASE": "http://127.0.0.1:8100"}),
    ("E012", {"STRIPE_API_BASE": "http://api.stripe.com"}),
    ("E012", {"STRIPE_API_BASE": "https://api.stripe.com.example.com"}),
    ("E012", {"STRIPE_INSTALL_BASE": "https://marketplace.stripe.com@example.com"}),
    ("E012", {"STRIPE_DASHBOARD_BASE": "https://dashboard.example.com"}),
    ("E013", {"STRIPE_WEBHOOK_SECRETS": []}),
    ("E014", {"STRIPE_APP_SIGNING_SECRETS": []}),
    ("E020", {"KEY_ENCRYPTION_KEYS": []}),
    ("E020", {"FINGERPRINT_KEYS": []}),
    ("E021", {"KEY_ENCRYPTION_KEYS": ["2026-01:" + base64.b64encode(b"short").decode()]}),
    ("E021", {"KEY_ENCRYPTION_KEYS": ["not base64 at all"]}),
    ("E022", {"KEY_ENCRYPTION_KEYS": ["2026-01:" + base64.b64encode(bytes(32)).decode()]}),
    ("E024", {"KEY_ENCRYPTION_KEYS": [a_key("demo")]}),
    ("E024", {"KEY_ENCRYPTION_KEYS": [a_key(), a_key("Demo-2")]}),
    ("E024", {"FINGERPRINT_KEYS": [a_key("local-1")]}),
    ("E025", {"KEY_SERVICE": "aws-kms"}),
    ("E025", {"KEY_SERVICE": "vault-transit", "VAULT_TRANSIT_ADDRESS": "https://vault.example.com"}),
    ("E026", {"VAULT_TRANSIT_ADDRESS": "http://vault.example.com"}),
    ("E026", {"AWS_KMS_ENDPOINT": "http://kms.example.com"}),
    ("E030", {"SECRET_KEY": "too-short"}),
    ("E034", {"METRICS_TOKEN": "guess-me"}),
    ("W001", {"OPS_ALERT_ADDRESSES": []}),
    ("E032", {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}),
]


@pytest.mark.parametrize(
    ("refusal", "changes"), CASES, ids=lambda value: str(value)[:4] if isinstance(value, str) else ""
)
def test_production_refuses(production: Settings, refusal: str, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(production, name, value)

    assert f"{TAG}.{refusal}" in refusals()


def test_a_key_made_from_secret_key_is_refused(production: Settings) -> None:
    import hashlib

    digest = hashlib.sha256(production.SECRET_KEY.encode()).digest()
    production.KEY_ENCRYPTION_KEYS = ["2026-01:" + base64.b64encode(digest).decode()]

    assert f"{TAG}.E022" in refusals()


def test_one_key_for_two_purposes_is_refused(production: Settings) -> None:
    production.FINGERPRINT_KEYS = production.KEY_ENCRYPTION_KEYS

    assert f"{TAG}.E023" in refusals()


def test_no_keys_in_the_settings_are_needed_with_a_key_service(production: Settings) -> None:
    production.KEY_SERVICE = "aws-kms"
    production.AWS_KMS_KEYS = ["k1:arn:aws:kms:eu-central-1:111122223333:key/1"]
    production.KEY_ENCRYPTION_KEYS = []

    assert refusals() == set()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_file_that_everybody_reads_is_refused(
    production: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    key_file = tmp_path / "keys"
    key_file.write_text("anything")
    monkeypatch.setenv(f"{secret}_FILE", str(key_file))

    key_file.chmod(0o444)
    for_everybody = refusals()
    key_file.chmod(0o400)

    assert f"{TAG}.E031" in for_everybody
    assert refusals() == set()


@pytest.mark.parametrize("environment", ["production", "demo", "test"])
def test_stripes_own_logging_is_refused_everywhere(
    production: Settings, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    production.SITE_ENVIRONMENT = environment
    monkeypatch.setenv("STRIPE_LOG", "debug")

    assert refusals() == {f"{TAG}.E010"}


def test_stripes_own_logging_is_refused_when_code_turned_it_on(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stripe

    monkeypatch.setattr(stripe, "log", "debug")

    assert refusals() == {f"{TAG}.E010"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_debug_is_fine_on_this_machine_alone(production: Settings, host: str) -> None:
    production.SITE_ENVIRONMENT = "development"
    production.DEBUG = True
    production.SITE_HOST = host
    production.ALLOWED_HOSTS = [host]

    assert refusals() == set()


@pytest.mark.parametrize(
    ("refusal", "changes"), CASES, ids=lambda value: str(value)[:4] if isinstance(value, str) else ""
)
def test_no_refusal_shows_a_value(production: Settings, refusal: str, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(production, name, value)
    private = [production.SECRET_KEY, *production.KEY_ENCRYPTION_KEYS, *production.FINGERPRINT_KEYS]
    private += [production.STRIPE_PLATFORM_KEY_LIVE, production.STRIPE_PLATFORM_KEY_TEST]
    private += [production.STRIPE_MANAGED_KEY_LIVE, production.STRIPE_MANAGED_KEY_TEST]

    for message in run_checks(tags=[TAG]):
        words = f"{message.msg} {message.hint}"
        assert message.hint
        assert not [value for value in private if value in words]


def test_no_setting_that_sounds_like_a_secret_is_missing_among_them() -> None:
    told = set(re.findall(r"^#? ?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    sounding = {name for name in told if re.search(r"SECRET|TOKEN|_KEY_(LIVE|TEST)$|_KEYS$", name)}

    assert sounding - set(SECRETS) <= {"AWS_KMS_KEYS", "MANAGED_KEYS"}
