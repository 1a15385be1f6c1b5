"""The partner's engineers get a working client, or an exception whose name says what to do."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from stripe_keys import clients, lifecycle, services, uninstalls, usage
from stripe_keys.models import KeyUse, RestrictedKey
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import AtStripe, checked, paste
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import a_key


@pytest.fixture
def key(ada: User, at_stripe: AtStripe) -> RestrictedKey:
    """Ada's proven key."""
    return proven(ada, at_stripe.bound_key(ada))


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


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        ("expired", {}, clients.KeyExpired),
        ("expired", {"rotated_at": timezone.now()}, clients.KeyRotatedAway),
        ("removed", {}, clients.KeyRemoved),
        ("removed", {"last_problem": uninstalls.LEFT}, clients.AppUninstalled),
        ("expired", {"last_problem": uninstalls.CAME_BACK}, clients.AppUninstalled),
    ],
)
def test_an_end_is_named_and_leads_to_a_page(
    ada: User, status: str, fields: dict[str, Any], kind: type[clients.KeyEnded]
) -> None:
    key = a_key(ada)
    with transaction.atomic():
        lifecycle.move(lifecycle.locked(key), status, actor="Stripe", reason="It ended.", **fields)

    with pytest.raises(clients.KeyEnded) as refusal:
        clients.stripe_client(merchant=key.merchant, livemode=False)

    end = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301 # as Celery hands exceptions on
    assert type(end) is kind
    assert end.ended_at == key.status_changes.get(reason="It ended.").at
    assert end.page == f"{django_settings.SITE_URL}/stripe/keys/{key.pk}/"
    assert str(end) == f"{key.display} is {status}."


def test_a_client_in_hand_hears_of_the_end_from_stripe_and_has_it_confirmed(
    key: RestrictedKey, at_stripe: AtStripe
) -> None:
    client = clients.stripe_client(merchant=key.merchant, livemode=False)
    at_stripe.admin.expire_key(key.stripe_key_id, lag=0)

    with pytest.raises(stripe.AuthenticationError) as refusal:
        client.v1.charges.list({"limit": 1})
    usage.flush()

    assert refusal.value.error
    assert refusal.value.error.code == "api_key_expired"
    assert checked(key).status == RestrictedKey.Status.EXPIRED
    with pytest.raises(clients.KeyExpired):
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
