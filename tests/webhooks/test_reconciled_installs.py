"""Installs: what Stripe shows now counts, one account at a time, and a list that lacks many is not believed."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.stripe_keys.keys import AtStripe, checked, paste
from tests.webhooks.searches import an_account, search
from webhooks.models import AccountCursor
from webhooks.reconciling import installs

pytestmark = pytest.mark.usefixtures("app_known_by_id")
INSTALLS: dict[str, Any] = {"phases": ("installs",)}


@pytest.fixture(autouse=True)
def no_hurry(settings: Settings, at_stripe: AtStripe) -> None:
    """As fast as Stripe answers."""
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6


def uninstall(at_stripe: AtStripe, account: str) -> None:
    """The merchant uninstalls the app, and nobody tells us."""
    [install] = [each for each in at_stripe.admin.installs() if each["account"] == account]
    at_stripe.admin.uninstall(install["id"], after=0, expire_keys=False)


def status_of(account: str) -> str:
    return StripeInstall.objects.get(stripe_account_id=account).status


def test_unnoticed_uninstall_ends_the_install_and_its_key(ada: User, at_stripe: AtStripe) -> None:
    theirs = at_stripe.bound_key(ada)
    key = checked(paste(ada, theirs.token))
    stays = an_account(ada, at_stripe)
    uninstall(at_stripe, theirs.account)

    run = search(**INSTALLS)

    assert run.installs_mended == 1
    assert (status_of(theirs.account), status_of(stays)) == ("uninstalled", "installed")
    key.refresh_from_db()
    assert key.status == RestrictedKey.Status.REMOVED


def test_the_only_install_does_not_end_because_a_list_lacks_it(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    search(**INSTALLS)
    uninstall(at_stripe, account)

    assert search(**INSTALLS).installs_mended == 0
    assert status_of(account) == "installed"
    assert search(account=account, **INSTALLS).installs_mended == 1
    assert status_of(account) == "uninstalled"


def test_nothing_ends_where_stripe_has_never_shown_an_install_of_ours(ada: User, at_stripe: AtStripe) -> None:
    account = an_account(ada, at_stripe)
    uninstall(at_stripe, account)

    run = search(**INSTALLS)

    assert (run.installs_mended, run.progress["notes"]) == (0, {"installs_test": "none_shown"})
    assert status_of(account) == "installed"
    assert not Notice.objects.exists(), "it may not list such apps"


def test_list_that_lacks_many_is_not_believed_and_ops_are_told(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    settings.KEY_BRAKE_ACCOUNTS = 2
    stays, *gone = [an_account(ada, at_stripe) for _ in range(3)]
    for account in gone:
        uninstall(at_stripe, account)

    run = search(**INSTALLS)

    assert run.progress["notes"]["installs_test"] == "too_many_gone"
    assert [status_of(account) for account in (stays, *gone)] == ["installed"] * 3
    assert "lacks 2 of 3" in Notice.objects.get(dedupe_key__startswith="installs-gone:").body
    assert search(account=gone[0], **INSTALLS).installs_mended == 1
    assert status_of(gone[0]) == "uninstalled"


def test_install_that_is_asked_about_by_itself_and_found_does_not_end(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if Stripe's list had passed it over."""
    account = an_account(ada, at_stripe)
    an_account(ada, at_stripe)
    shown = installs._note_shown

    def forgetful(*args: object, **more: object) -> None:
        shown(*args, **more)  # type: ignore[arg-type]
        AccountCursor.objects.filter(stripe_account_id=account).update(seen_installed_at=None)

    monkeypatch.setattr(installs, "_note_shown", forgetful)

    assert search(**INSTALLS).installs_mended == 0
    assert status_of(account) == "installed"


def test_every_page_of_installs_is_read(
    ada: User, at_stripe: AtStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_keys.gateway.listings.AT_ONCE", 2)
    for _ in range(5):
        an_account(ada, at_stripe)

    search(**INSTALLS)

    assert AccountCursor.objects.filter(seen_installed_at__isnull=False).count() == 5


def test_nobody_is_bound_by_a_list(ada: User, at_stripe: AtStripe) -> None:
    stranger = at_stripe.admin.create_account()
    at_stripe.admin.create_install(stranger)

    search(**INSTALLS)

    assert not StripeInstall.objects.exists()


def test_dry_run_ends_nothing(ada: User, at_stripe: AtStripe) -> None:
    account, _ = an_account(ada, at_stripe), an_account(ada, at_stripe)
    uninstall(at_stripe, account)

    assert search(dry_run=True, **INSTALLS).installs_mended == 1
    assert status_of(account) == "installed"


def test_refused_list_is_named(ada: User, at_stripe: AtStripe) -> None:
    an_account(ada, at_stripe)
    at_stripe.admin.switch(installs_minimum_version="2099-01-01")
    try:
        run = search(**INSTALLS)
    finally:
        at_stripe.admin.switch(installs_minimum_version="2026-09-30")

    assert run.state == "done"
    assert run.progress["notes"]["installs_test"] == "refused_400"
