"""Every account that is known, however many there are, and nobody else's."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Merchant, User
from stripe_keys import known_accounts
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.people import merchant_of, some_letters
from tests.stripe_keys.keys import bind_account

pytestmark = pytest.mark.django_db
ADAS, EVES = "acct_1AdasAccount0000", "acct_1EvesAccount0000"


def all_known(**more: Any) -> list[tuple[str, bool]]:
    batches = known_accounts.known_accounts(**more)
    return [(one.stripe_account_id, one.livemode) for batch in batches for one in batch]


def a_key(user: User, account: str, status: str, *, livemode: bool = False) -> RestrictedKey:
    return RestrictedKey.objects.create(
        merchant=merchant_of(user),
        livemode=livemode,
        stripe_account_id=account,
        status=status,
        last4="aB3d",
        fingerprint=some_letters(32).encode(),
    )


def test_batches_hold_every_account_and_mode_once_per_source(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_accounts, "BATCH", 3)
    accounts = [f"acct_1AdasAccount000{number}" for number in range(3)]
    wanted = [(account, livemode) for account in accounts for livemode in (False, True)]
    for account, livemode in wanted[:5]:
        bind_account(ada, account, livemode=livemode)

    assert all_known() == wanted[:5]


def test_account_of_a_kept_key_is_known_and_that_of_an_ended_one_is_not(ada: User, eve: User) -> None:
    a_key(ada, ADAS, "pending")
    a_key(eve, EVES, "expired")
    a_key(eve, "", "pending", livemode=True)

    assert all_known() == [(ADAS, False)]
    assert known_accounts.known_among([ADAS, EVES]) == {(ADAS, False)}


def test_only_one_account_is_given_if_asked_for(ada: User, eve: User) -> None:
    bind_account(ada, ADAS)
    bind_account(eve, EVES)

    assert all_known(only=EVES) == [(EVES, False)]


def test_closed_merchants_have_no_accounts(ada: User) -> None:
    bind_account(ada, ADAS)
    a_key(ada, ADAS, "pending")
    Merchant.objects.update(closed_at=timezone.now())

    assert all_known() == []


def test_install_that_ended_is_called_ended_unless_another_one_stands(ada: User, eve: User) -> None:
    for user in (ada, eve):
        bind_account(user, ADAS if user == ada else EVES)
    StripeInstall.objects.filter(stripe_account_id=ADAS).update(
        status="uninstalled", uninstalled_at=timezone.now()
    )

    both = [ADAS, EVES]
    assert known_accounts.uninstalled_among(both, livemode=False) == {ADAS}
    assert known_accounts.installed_among(both, livemode=False) == {EVES}
    assert known_accounts.installed_among(both, livemode=True) == set()
    assert known_accounts.count_installed(livemode=False) == 1
