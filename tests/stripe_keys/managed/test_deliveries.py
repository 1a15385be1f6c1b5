"""What Stripe delivers is taken only if it is what was asked for; nothing of the rest is kept, and the key is ended."""

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import managed_problems
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from stripe_simulator.config import HOSTILE, SOUND
from tests.stripe_keys.managed.conftest import Managed
from work import engine

CODES = {
    "wrong_label": managed_problems.WRONG_KEY,
    "other_mode": managed_problems.WRONG_KEY,
    "unrestricted": managed_problems.UNRESTRICTED,
    "plain": managed_problems.PLAIN_IN_LIVE,
}
LIVEMODE = True  # where keys must come encrypted


def everything_stored() -> str:
    """Each row of each table that a minting touches, as text."""
    tables = (Minting, Retirement, KeyManagement, RestrictedKey, Notice)
    with connection.cursor() as cursor:
        rows = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table._meta.db_table)} t")  # noqa: S608
            rows += [row for (row,) in cursor.fetchall()]
    return "\n".join(rows)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_delivery_is_not_stored_and_its_key_is_ended(
    managed: Managed, caplog: pytest.LogCaptureFixture, settings: Settings, kind: str
) -> None:
    settings.OPS_ALERT_ADDRESSES = ["ops@example.com"]
    managed.at_stripe.admin.switch(delivery=kind)
    managed.choose_app()
    engine.drain("mintings")
    token = managed.token_at_stripe()
    stored_meanwhile = everything_stored()

    managed.work()

    code = CODES.get(kind, managed_problems.NOT_OPENED)
    assert (managed.minting().outcome, KeyManagement.objects.get().problem) == (code, code)
    assert not RestrictedKey.objects.exists()
    assert managed.living_at_stripe() == set()
    assert Retirement.objects.get().outcome == "gone"
    assert Notice.objects.filter(dedupe_key__contains=f"minting:{code}:").exists()
    assert token[8:] not in stored_meanwhile + everything_stored() + caplog.text


@pytest.mark.parametrize("kind", SOUND)
def test_either_of_stripes_algorithms_is_taken(
    managed: Managed, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    managed.at_stripe.admin.switch(delivery=kind)
    managed.choose_app()

    managed.work()

    token = managed.token_at_stripe()
    assert managed.key().last4 == token[-4:]
    assert token[-4:] in everything_stored()  # it would be found
    assert token[8:] not in everything_stored() + caplog.text


def test_unrestricted_key_is_taken_where_the_partner_allows_it(managed: Managed, settings: Settings) -> None:
    settings.MANAGED_KEYS_MAY_BE_UNRESTRICTED = True
    managed.at_stripe.admin.switch(delivery="unrestricted")
    managed.choose_app()

    engine.drain("mintings")

    key = RestrictedKey.objects.get()
    assert (key.is_unrestricted, key.managed_by, key.status) == (True, "app", "pending")
