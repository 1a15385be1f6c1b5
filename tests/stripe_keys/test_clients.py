"""The partner's engineers get a working client, or an exception whose name says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.models import User
from stripe_keys import clients, services
from stripe_keys.models import KeyUse, RestrictedKey
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import AtStripe, checked, paste


@pytest.fixture
def key(ada: User, at_stripe: AtStripe) -> RestrictedKey:
    """Ada's proven key."""
    return checked(paste(ada, at_stripe.bound_key(ada).token))


def test_client_calls_stripe_as_the_merchant(key: RestrictedKey) -> None:
    client = clients.stripe_client(merchant=key.merchant, livemode=False, used_for="a look at the account")

    account = client.v1.accounts.retrieve_current()

    assert account.id == key.stripe_account_id
    assert KeyUse.objects.latest("at").reason == "a look at the account"


def test_without_any_key_the_merchant_must_be_invited(ada: User) -> None:
    with pytest.raises(clients.NoKey):
        clients.stripe_client(merchant=merchant_of(ada), livemode=False)


def test_keys_of_the_other_mode_do_not_count(key: RestrictedKey) -> None:
    with pytest.raises(clients.NoKey):
        clients.stripe_client(merchant=key.merchant, livemode=True)


def test_unproven_key_is_not_handed_out(ada: User) -> None:
    paste(ada, a_restricted_key())

    with pytest.raises(clients.KeyNotProven):
        clients.stripe_client(merchant=merchant_of(ada), livemode=False)


def test_suspended_key_is_not_handed_out(key: RestrictedKey, olga: User) -> None:
    services.suspend(key=key, actor=olga, now=timezone.now())

    with pytest.raises(clients.KeySuspended):
        clients.stripe_client(merchant=key.merchant, livemode=False)


def test_ended_key_is_not_handed_out(key: RestrictedKey, ada: User) -> None:
    services.remove(key=key, user=ada, now=timezone.now())

    with pytest.raises(clients.KeyEnded):
        clients.stripe_client(merchant=key.merchant, livemode=False)


def test_refusals_do_not_quote_the_key(ada: User) -> None:
    token = a_restricted_key()
    paste(ada, token)

    with pytest.raises(clients.NoUsableKey) as refusal:
        clients.stripe_client(merchant=merchant_of(ada), livemode=False)

    assert token[8:-4] not in str(refusal.value)


def test_worked_example_of_the_documentation_runs(key: RestrictedKey, ada: User) -> None:
    page = (Path(django_settings.BASE_DIR) / "docs" / "calling-stripe.md").read_text()
    example: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, example)  # noqa: S102  # our own documentation

    assert example["import_charges"](key.merchant, livemode=False) == []
    assert example["import_charges"](key.merchant, livemode=True).startswith("invite")
    services.remove(key=key, user=ada, now=timezone.now())
    assert example["import_charges"](key.merchant, livemode=False).startswith("stop")
