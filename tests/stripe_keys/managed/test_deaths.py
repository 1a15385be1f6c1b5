"""The app's key is rotated, expired or left behind by somebody else: another is made, and few are told."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import lifecycle, managed_problems, minting_rows, reports, takeover, uninstalls
from stripe_keys.erasing import closing
from stripe_keys.managed import arrangements, orphans, schedule
from stripe_keys.models import (
    KeyManagement,
    Minting,
    PublishableKey,
    RestrictedKey,
    Retirement,
    StripeInstall,
    Validation,
)
from stripe_keys.reminders import send_due
from tests.people import merchant_of
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import fall_due, let_pass, rotate
from work import engine

Status = RestrictedKey.Status
DAY = timedelta(days=1)


def told() -> list[str]:
    """What merchants were mailed, or are to be, by kind."""
    marks = Notice.objects.exclude(merchant=None).order_by("pk").values_list("dedupe_key", flat=True)
    return [mark.partition(":")[0] for mark in marks]


def rotated(managed: Managed, key: RestrictedKey, new: str, *, expires_at: datetime | None = None) -> None:
    """Stripe reports that somebody rotated the key."""
    now = timezone.now()
    reports.key_rotated(
        stripe_account_id=managed.account,
        livemode=False,
        stripe_key_id=key.stripe_key_id,
        new_stripe_key_id=new,
        expires_at=expires_at,
        reported_at=now,
        now=now,
    )


def uninstalled(managed: Managed) -> None:
    """The app is gone, and Stripe reports it."""
    [install] = [one for one in managed.at_stripe.admin.installs() if one["account"] == managed.account]
    managed.at_stripe.admin.uninstall(str(install["id"]), expire_keys=False)
    install_row = StripeInstall.objects.get(stripe_account_id=managed.account)
    with transaction.atomic():
        uninstalls.end(install_row, reported_at=timezone.now(), now=timezone.now())


def calls_to_keys(managed: Managed) -> int:
    return len(managed.asked("/v2/iam/api_keys"))


def test_somebody_rotates_it_and_the_app_makes_another(managed: Managed, key: RestrictedKey) -> None:
    new = managed.at_stripe.admin.rotate_key(key.stripe_key_id, overlap=3600)
    rotated(managed, key, str(new["id"]), expires_at=timezone.now() + timedelta(hours=1))

    managed.work()

    made = managed.key()
    assert made.pk != key.pk
    assert made.stripe_key_id not in (key.stripe_key_id, new["id"])
    assert managed.minting().reason == "ending"
    assert told() == [], "there is nothing to do"


def test_our_own_rotation_is_no_news(managed: Managed, key: RestrictedKey, settings: Settings) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    fall_due()

    schedule.plan()
    engine.drain("mintings")
    rotated(managed, key, managed.minting().stripe_key_id)

    managed.work()

    assert Minting.objects.count() == 2
    assert told() == []
    assert managed.key().stripe_key_id == managed.minting().stripe_key_id


def test_somebody_expires_it_and_the_app_makes_another(managed: Managed, key: RestrictedKey) -> None:
    managed.at_stripe.admin.expire_key(key.stripe_key_id)
    reports.key_expired(
        stripe_account_id=managed.account,
        livemode=False,
        stripe_key_id=key.stripe_key_id,
        now=timezone.now(),
    )

    for _ in range(3):
        Validation.objects.filter(state="waiting").update(due_at=timezone.now())
        managed.work()

    key.refresh_from_db()
    assert key.status == Status.EXPIRED
    assert managed.key().status == Status.ACTIVE
    assert managed.minting().reason == "died"
    assert told() == [], "what was to be told of the end was taken back in time"


def test_a_merchant_is_told_of_the_end_if_no_other_key_comes(managed: Managed, key: RestrictedKey) -> None:

    with transaction.atomic():
        lifecycle.move(key, Status.EXPIRED, actor="Stripe", reason="It ended.")
        takeover.after_the_end(key, timezone.now())

    notice = Notice.objects.exclude(merchant=None).get()
    assert notice.due_at > timezone.now() + timedelta(minutes=10)
    assert "There is nothing to paste" in notice.body
    assert "View API keys" not in notice.body


def test_deaths_one_after_the_other_are_damped(managed: Managed, key: RestrictedKey) -> None:

    management = KeyManagement.objects.get()
    first = minting_rows.request(management, reason=Minting.Reason.DIED, now=timezone.now())
    assert first is not None
    Minting.objects.filter(pk=first.pk).update(state="done")

    second = minting_rows.request(management, reason=Minting.Reason.DIED, now=timezone.now())

    assert second is not None
    second.refresh_from_db()
    assert second.due_at > timezone.now() + timedelta(minutes=9)


@pytest.mark.parametrize("problem", ["", managed_problems.NOT_APPROVED], ids=["app-renews", "app-cannot"])
def test_merchants_are_reminded_only_where_the_app_cannot(
    managed: Managed, key: RestrictedKey, problem: str
) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + 0.9 * DAY)
    KeyManagement.objects.update(problem=problem)

    send_due(timezone.now())

    assert told() == (["ending"] if problem else [])
    for notice in Notice.objects.exclude(merchant=None):
        assert managed_problems.FOR_MERCHANTS[managed_problems.NOT_APPROVED] in notice.body
        assert "View API keys" not in notice.body


def test_who_brings_the_keys_again_is_reminded(managed: Managed, key: RestrictedKey) -> None:
    RestrictedKey.objects.update(expires_at=timezone.now() + 0.9 * DAY)
    arrangements.bring_own_keys(
        merchant=merchant_of(managed.ada), user=managed.ada, livemode=False, now=timezone.now()
    )

    send_due(timezone.now())

    assert told() == ["ending"]


@pytest.mark.parametrize("policy", ["remove", "keep"])
def test_after_an_uninstall_nobody_touches_the_keys_at_stripe(
    managed: Managed, key: RestrictedKey, settings: Settings, policy: str
) -> None:
    settings.KEY_ON_UNINSTALL = policy
    managed.at_stripe.admin.switch(expire_lag_seconds=3600)
    rotate(managed)
    assert Retirement.objects.get().sealed
    before = calls_to_keys(managed)

    uninstalled(managed)
    fall_due()
    managed.work()

    schedule.plan()
    orphans.sweep()
    managed.work()

    assert calls_to_keys(managed) == before
    assert [(one.outcome, one.sealed) for one in Retirement.objects.all()] == [("not_installed", "")]
    management = KeyManagement.objects.get()
    assert (management.is_on, management.problem) == (False, "not_installed")
    kept = RestrictedKey.objects.kept().count()
    assert kept == (1 if policy == "keep" else 0)


def test_who_closes_leaves_no_key_at_stripe_and_no_copy_here(managed: Managed, key: RestrictedKey) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=3600)
    rotate(managed)
    fall_due()

    schedule.plan()
    Minting.objects.filter(state="waiting").update(delivery_key="sealed", body={"name": "x"})
    PublishableKey.objects.create(
        merchant=key.merchant, livemode=False, stripe_account_id=managed.account, text="pk"
    )

    closing.close_merchant(merchant=key.merchant, user=managed.ada, now=timezone.now())

    assert set(Retirement.objects.values_list("sealed", flat=True)) == {""}
    assert set(Minting.objects.values_list("delivery_key", "delivered")) == {("", "")}
    assert not PublishableKey.objects.exists()
    assert not KeyManagement.objects.filter(is_on=True).exists()
    managed.work()
    let_pass(timedelta(minutes=1))
    managed.work()
    assert managed.living_at_stripe() == set()
    assert set(Retirement.objects.values_list("outcome", flat=True)) == {"gone"}
    [mail] = Notice.objects.exclude(merchant=None)
    assert "are being ended at Stripe" in mail.body or "is being ended at Stripe" in mail.body
    assert "What to do: expire" not in mail.body


def test_the_closing_page_says_which_keys_are_ended(
    adas_browser: Client, managed: Managed, key: RestrictedKey
) -> None:
    page = adas_browser.get("/stripe/close/").content.decode()

    assert "those that our app made it ends there itself" in page


def test_old_keys_in_their_overlap_are_ended_at_once_by_a_closing(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    rotate(managed)

    closing.close_merchant(merchant=key.merchant, user=managed.ada, now=timezone.now())
    managed.work()

    assert managed.living_at_stripe() == set()
