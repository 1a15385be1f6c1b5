"""While nothing can be encrypted, a paste is refused with a sentence and nothing of it is kept."""

import pytest
from django.test import Client
from pytest_django import Settings

from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, KeySubmission, RestrictedKey
from tests.people import a_restricted_key
from tests.production import an_encryption_key


@pytest.mark.parametrize("trouble", ["wrong", "absent"])
def test_the_page_says_when_to_try_again(adas_browser: Client, settings: Settings, trouble: str) -> None:
    vault.ensure_canary(vault.primary_kek_id())
    settings.KEY_ENCRYPTION_KEYS = [an_encryption_key(vault.primary_kek_id())] if trouble == "wrong" else []
    token = a_restricted_key()

    response = adas_browser.post("/stripe/paste/test/", {"key": token})

    assert response.status_code == 503
    assert response["Retry-After"] == "60"
    assert "paste it again in a minute" in response.content.decode()
    assert token not in response.content.decode()
    for model in (RestrictedKey, KeyEnvelope, KeySubmission):
        assert not model.objects.exists()
