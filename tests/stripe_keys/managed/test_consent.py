"""Stripe's key endpoint is called for an account only while the app is on it, and each refusal has its own sentence."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import app_pace, managed_problems
from stripe_keys.erasing.closing import close_merchant
from stripe_keys.managed import minting_ends, pacing
from stripe_keys.models import KeyManagement, Minting, StripeInstall
from tests.people import an_owner, merchant_of
from tests.stripe_keys.keys import LONG_AGO, bind_account
from tests.stripe_keys.managed.conftest import Managed
from work import engine

LIVEMODE = True  # nothing here depends on it, but for what only live mode asks


def uninstall_at_stripe(managed: Managed) -> None:
    """The merchant uninstalls the app in Stripe, and nobody tells us."""
    (install,) = (each for each in managed.at_stripe.admin.installs() if each["account"] == managed.account)
    managed.at_stripe.admin.uninstall(str(install["id"]))


def never_installed(managed: Managed) -> None:
    """The account that we take for the merchant's never had the app."""
    StripeInstall.objects.update(stripe_account_id=managed.at_stripe.admin.create_account())
    KeyManagement.objects.update(stripe_account_id=StripeInstall.objects.get().stripe_account_id)
    managed.account = StripeInstall.objects.get().stripe_account_id


def bind_to_somebody_else(managed: Managed) -> None:
    """The account is another merchant's by now."""
    StripeInstall.objects.all().delete()
    bind_account(an_owner("eve@example.com", "Eve's Ropes"), managed.account, livemode=True)


def end_our_install(managed: Managed) -> None:
    """We know that the app was uninstalled."""
    StripeInstall.objects.update(status="uninstalled", uninstalled_at=timezone.now())


def disconnect(managed: Managed) -> None:
    """The app is installed, but Stripe does not let it act on the account."""
    managed.at_stripe.admin.switch(connect_fanout=False)


def calls_for_keys(managed: Managed) -> set[str]:
    """The calls of anybody to the key endpoint that Stripe still knows of."""
    return {str(call["id"]) for call in managed.at_stripe.admin.requests(path="/v2/iam/api_keys")}


AWAY = [
    uninstall_at_stripe,
    never_installed,
    bind_to_somebody_else,
    end_our_install,
    disconnect,
]


def test_list_of_installs_is_believed_where_the_account_says_nothing(managed: Managed) -> None:
    managed.choose_app()
    (install,) = (each for each in managed.at_stripe.admin.installs() if each["account"] == managed.account)
    managed.at_stripe.admin.uninstall(str(install["id"]))
    managed.at_stripe.admin.add_fault("error", status=403, path="/v1/account", method="GET", times=None)

    managed.work()

    assert (managed.asked(), managed.minting().outcome) == ([], managed_problems.NOT_INSTALLED)


@pytest.mark.parametrize("happen", AWAY, ids=[happen.__name__ for happen in AWAY])
@pytest.mark.parametrize("knows_its_id", [True, False], ids=["asks_installs", "asks_account"])
def test_no_key_is_asked_for_where_the_app_is_not(
    managed: Managed,
    settings: Settings,
    happen: Callable[[Managed], None],
    knows_its_id: bool,
) -> None:
    settings.STRIPE_APP_OBJECT_ID = settings.STRIPE_APP_OBJECT_ID if knows_its_id else ""
    managed.choose_app()
    happen(managed)
    asked_before = calls_for_keys(managed)

    managed.work()

    assert managed.asked() == []
    assert calls_for_keys(managed) <= asked_before
    assert managed.minting().outcome == managed_problems.NOT_INSTALLED


def test_app_that_may_not_look_at_the_account_relies_on_the_list_of_installs(
    managed: Managed,
) -> None:
    managed.at_stripe.admin.add_fault("error", status=403, path="/v1/account", method="GET", times=None)
    managed.choose_app()

    managed.work()

    assert managed.minting().outcome == "made"


def test_where_nobody_says_that_the_app_is_there_no_key_is_asked_for(
    managed: Managed, settings: Settings
) -> None:
    settings.STRIPE_APP_OBJECT_ID = ""
    managed.at_stripe.admin.add_fault("error", status=403, path="/v1/account", method="GET", times=None)
    managed.choose_app()

    managed.work()

    assert (managed.asked(), managed.minting().outcome) == (
        [],
        managed_problems.REFUSED,
    )


# --- What Stripe refuses ---------------------------------------------------------------------------------------------


def not_approved(managed: Managed, settings: Settings) -> None:
    managed.at_stripe.admin.switch(api_key_write_approved=False)


def not_activated(managed: Managed, settings: Settings) -> None:
    account = managed.at_stripe.admin.create_account(activated=False)
    managed.at_stripe.admin.create_install(account, livemode=True)
    StripeInstall.objects.update(stripe_account_id=account)
    KeyManagement.objects.update(stripe_account_id=account)
    managed.account = account


def preview_refused(managed: Managed, settings: Settings) -> None:
    settings.STRIPE_PREVIEW_VERSION = "2026-10-28.endive"


def permissions_refused(managed: Managed, settings: Settings) -> None:
    managed.at_stripe.admin.add_fault("reset", path="/v2/iam/api_keys")
    engine.drain("mintings")
    body = {**managed.minting().body, "permissions": ["no_such_permission_read"]}
    Minting.objects.update(asked_at=None, body=body)


def not_configured(managed: Managed, settings: Settings) -> None:
    settings.MANAGED_KEYS = []


def refused(managed: Managed, settings: Settings) -> None:
    settings.STRIPE_PLATFORM_KEY_LIVE = "sk_" + "live_" + "x" * 24  # that Stripe does not know


REFUSALS = [
    not_approved,
    not_activated,
    preview_refused,
    permissions_refused,
    not_configured,
    refused,
]


@pytest.mark.parametrize("happen", REFUSALS, ids=[happen.__name__ for happen in REFUSALS])
def test_each_refusal_has_its_own_code_and_sentence(
    managed: Managed, settings: Settings, happen: Callable[[Managed, Settings], None]
) -> None:
    settings.OPS_ALERT_ADDRESSES = ["ops@example.com"]
    managed.choose_app()
    happen(managed, settings)

    managed.work_later()

    management = KeyManagement.objects.get()
    assert (managed.minting().outcome, management.problem) == (
        happen.__name__,
        happen.__name__,
    )
    assert managed_problems.FOR_MERCHANTS[management.problem]
    is_for_ops = happen is not not_activated
    mails = Notice.objects.filter(dedupe_key__contains=f"minting:{happen.__name__}")
    assert [managed_problems.FOR_OPS[happen.__name__] in mail.body for mail in mails] == [True] * is_for_ops
    assert managed.living_at_stripe() == set()
    assert management.next_rotation_at
    assert management.next_rotation_at > timezone.now() + timedelta(hours=1)


# --- What happens here meanwhile -------------------------------------------------------------------------------------


def test_closed_merchants_key_is_not_made(managed: Managed) -> None:
    managed.choose_app()
    close_merchant(merchant=merchant_of(managed.ada), user=managed.ada, now=timezone.now())

    managed.work()

    assert (managed.asked(), managed.minting().outcome) == (
        [],
        managed_problems.SWITCHED_OFF,
    )


def test_choosing_twice_makes_one_key(managed: Managed) -> None:
    managed.choose_app()
    managed.choose_app()

    managed.work()

    assert (Minting.objects.count(), len(managed.living_at_stripe())) == (1, 1)


def test_outage_is_said_to_the_merchant_and_nothing_is_given_up_for_a_day(
    managed: Managed,
) -> None:
    managed.at_stripe.admin.add_fault("error", status=503, path="/v2/iam/api_keys", times=None)
    managed.choose_app()

    for _ in range(3):
        managed.work_later()

    assert KeyManagement.objects.get().problem == managed_problems.AWAY
    assert managed.minting().state == "waiting"


def test_row_that_was_given_up_is_tried_for_anew_and_its_account_looked_at(
    managed: Managed,
) -> None:
    managed.at_stripe.admin.add_fault("reset", path="/v2/iam/api_keys")
    managed.choose_app()
    managed.work()
    KeyManagement.objects.update(swept_at=timezone.now(), next_rotation_at=None)
    assert managed.minting().delivery_key

    minting_ends.gave_up(managed.minting())

    assert managed.minting().delivery_key == ""
    management = KeyManagement.objects.get()
    assert (management.problem, management.swept_at) == (managed_problems.AWAY, None)
    assert management.next_rotation_at


# --- How fast --------------------------------------------------------------------------------------------------------


def test_stripes_429_is_waited_out_and_costs_no_attempt(
    managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed.at_stripe.admin.add_fault("rate_limit", path="/v2/iam/api_keys", method="POST", moment="after")
    now = time.monotonic()  # and it stays so: the pause is short
    monkeypatch.setattr(app_pace.pace_of(livemode=True), "_clock", lambda: now)
    managed.choose_app()

    managed.work()

    row = managed.minting()
    assert (row.state, row.attempts, row.problem) == ("waiting", 0, "Throttled")
    with pytest.raises(app_pace.NotNow):
        app_pace.pace_of(livemode=True).take(1, "another")
    app_pace.forget()
    managed.work_later()
    assert managed.living_at_stripe() == {managed.key().stripe_key_id}


def test_flood_of_mintings_leaves_half_of_the_budget_to_others(
    managed: Managed, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STRIPE_RATE_LIVE, settings.STRIPE_RATE_SHARE = 40.0, 1.0  # ten at once
    pace = app_pace.AppPace(40.0, clock=lambda: 0.0)
    monkeypatch.setitem(app_pace._paces, (True, 40.0), pace)
    managed.at_stripe.admin.add_fault("error", status=503, path="/v2/iam/api_keys", times=None)
    managed.choose_app()

    for _ in range(5):
        Minting.objects.filter(state="waiting").update(due_at=LONG_AGO)
        engine.drain("mintings")
    pace.spend(-5)  # as time passes

    assert managed.minting().problem == "AppBudgetSpent"
    with pytest.raises(app_pace.NotNow), pacing.calls(3, livemode=True):
        pass
    assert pace.take(4, "acct_of_an_event") == 3
