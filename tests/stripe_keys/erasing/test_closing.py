"""Closing an account: what ends, what stays, who may do it, and what is refused afterwards."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Merchant, Notice, User
from accounts.services import MerchantIsClosed, open_merchant
from stripe_keys import install_reports, installs, reports
from stripe_keys.erasing import closing
from stripe_keys.models import (
    InstallState,
    LedgerEntry,
    RestrictedKey,
    StatusChange,
    StripeInstall,
    Validation,
)
from tests import people
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.erasing.closings import ACCOUNT, ERASED, a_serving_key, close, stored_of
from tests.stripe_keys.keys import bind_account, paste
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's serving key."""
    return a_serving_key(ada)


# --- The command -----------------------------------------------------------------------------------------------------


def test_everything_that_could_open_a_key_is_erased_and_every_key_ends(key: RestrictedKey, ada: User) -> None:
    waiting = paste(ada, a_restricted_key(livemode=True))
    installs.install_url(merchant=merchant_of(ada), user=ada, livemode=True, now=timezone.now())
    assert stored_of(merchant_of(ada)) == (2, 1, 1)

    ended = close(ada)

    merchant = Merchant.objects.get(pk=merchant_of(ada).pk)
    assert ended == 2
    assert merchant.closed_at is not None
    assert stored_of(merchant) == (0, 0, 0)
    assert set(RestrictedKey.objects.values_list("status", flat=True)) == {"removed"}
    assert not Validation.objects.filter(state="waiting").exists()
    assert not InstallState.objects.exists()
    for each in (key, waiting):
        last = StatusChange.objects.filter(key=each).first()
        assert last is not None
        assert (last.to_status, last.actor, last.reason) == ("removed", ada.email, "The account was closed.")


def test_the_ledger_is_told_of_each_key_and_of_the_merchant_and_of_nobodys_name(
    key: RestrictedKey, ada: User
) -> None:
    close(ada)

    entries = {(entry.kind, entry.key_id): entry for entry in LedgerEntry.objects.all()}
    assert set(entries) == {("key_erased", key.pk), ("merchant_closed", None)}
    assert {entry.merchant_id for entry in entries.values()} == {merchant_of(ada).pk}
    assert not any("@" in entry.reason for entry in entries.values())


def test_everybody_gets_one_mail_with_the_proof(key: RestrictedKey, ada: User, ben: User) -> None:
    close(ada)

    notice = Notice.objects.get(merchant=merchant_of(ada))
    for words in (key.display, "test mode", ada.email, ERASED, "/test/apikeys", "30 days", "UTC"):
        assert words in notice.body, words
    assert "{" not in notice.body
    assert "&" not in notice.body
    assert "\n" not in notice.subject


def test_a_merchant_without_keys_can_be_closed_too(ada: User) -> None:
    assert close(ada) == 0
    assert "No restricted key was stored" in Notice.objects.get().body


def test_nobody_but_an_owner_closes(key: RestrictedKey, ada: User, ben: User, eve: User) -> None:
    for somebody in (ben, eve):
        with pytest.raises(closing.NotTheOwner):
            closing.close_merchant(merchant=merchant_of(ada), user=somebody, now=timezone.now())

    assert stored_of(merchant_of(ada)) == (1, 1, 1)


def test_a_closed_merchant_is_closed_once(key: RestrictedKey, ada: User) -> None:
    close(ada)

    with pytest.raises(MerchantIsClosed):
        close(ada)

    assert Notice.objects.filter(merchant=merchant_of(ada)).count() == 1


def test_all_of_it_or_nothing(key: RestrictedKey, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "django.conf.settings.SITE_URL", None
    )  # the mail, which comes last, cannot be written

    with pytest.raises(TypeError):
        close(ada)

    key.refresh_from_db()
    assert key.status == "active"
    assert stored_of(merchant_of(ada)) == (1, 1, 1)
    assert not LedgerEntry.objects.exists()


# --- Afterwards ------------------------------------------------------------------------------------------------------


def test_nothing_is_stored_or_bound_for_a_closed_merchant(key: RestrictedKey, ada: User) -> None:
    state = installs.install_url(merchant=merchant_of(ada), user=ada, livemode=True, now=timezone.now())
    close(ada)

    with pytest.raises(MerchantIsClosed):
        paste(ada, a_restricted_key())
    with pytest.raises(installs.InstallRefused):
        bind_account(ada, "acct_1Another0000000")
    with pytest.raises(installs.InstallRefused):
        installs.use_state(state=state.rpartition("=")[2], user=ada, now=timezone.now())

    assert stored_of(merchant_of(ada)) == (0, 0, 0)


def test_an_account_is_not_confirmed_for_a_closed_merchant(ada: User) -> None:
    key = a_key(ada, "pending", stripe_account_id=ACCOUNT, awaits_account_confirmation=True)
    close(ada)

    with pytest.raises(installs.InstallRefused):
        installs.confirm_account(key=key, user=ada, now=timezone.now())

    assert not StripeInstall.objects.exists()


def test_the_stripe_account_is_free_for_another_merchant(key: RestrictedKey, ada: User, eve: User) -> None:
    token = a_restricted_key()
    paste(ada, token)
    close(ada)

    bind_account(eve, ACCOUNT)
    eves = paste(eve, token)

    assert eves.status == "pending"
    assert stored_of(merchant_of(eve)) == (1, 1, 1)


def test_events_about_a_closed_merchants_account_concern_nobody(key: RestrictedKey, ada: User) -> None:
    whose: Any = {"stripe_account_id": ACCOUNT, "livemode": False}
    now = timezone.now()
    assert reports.has_account(**whose)

    close(ada)

    assert not reports.has_account(**whose)
    assert install_reports.app_installed(**whose, reported_at=now, now=now) == 0
    assert reports.account_changed(**whose, now=now) == 0


def test_the_commands_do_not_open_a_closed_merchant(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    close(ada)
    monkeypatch.setenv("THE_PASSWORD", people.PASSWORD)

    with pytest.raises(MerchantIsClosed):
        open_merchant(user=ada, name="Ada's Lamps")
    with pytest.raises(CommandError, match="closed"):
        call_command(
            "open_merchant", email=ada.email, merchant_name="Ada's Lamps", password_env="THE_PASSWORD"
        )

    assert Merchant.objects.count() == 1
