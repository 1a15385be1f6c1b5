"""Reports of Stripe are hints: they lead to a look at Stripe, in any order, twice or late, and touch what they name."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import install_reports, lifecycle, reports, validation
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from stripe_keys.tasks import VALIDATIONS
from stripe_keys.validation import EXPIRY_LOOKS
from tests.stripe_keys.keys import AtStripe, StripeKey, checked
from tests.stripe_keys.proven import proven
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status


@pytest.fixture
def stripe_key(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key at Stripe."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, stripe_key: StripeKey) -> RestrictedKey:
    """The same key here, proven."""
    return proven(ada, stripe_key)


def rotated(key: StripeKey, new: str, *, expires_at: datetime | None = None, age: int = 0) -> int:
    """Report the rotation of `key`, `age` seconds old."""
    now = timezone.now()
    return reports.key_rotated(
        stripe_account_id=key.account,
        livemode=False,
        stripe_key_id=key.id,
        new_stripe_key_id=new,
        expires_at=expires_at,
        reported_at=now - timedelta(seconds=age),
        now=now,
    )


def expired(key: StripeKey, stripe_key_id: str = "") -> int:
    """Report the end of `key`, or of another one of its account."""
    return reports.key_expired(
        stripe_account_id=key.account,
        livemode=False,
        stripe_key_id=stripe_key_id or key.id,
        now=timezone.now(),
    )


def test_rotation_is_told_once_and_the_old_key_serves_on(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    end = timezone.now() + timedelta(hours=1)
    new = at_stripe.admin.rotate_key(stripe_key.id, overlap=3600)

    assert rotated(stripe_key, new["id"], expires_at=end) == 1
    rotated(stripe_key, new["id"], expires_at=end, age=60)

    key = checked(key)
    assert (key.status, key.is_expiring, key.successor_stripe_key_id) == (Status.ACTIVE, True, new["id"])
    assert key.expires_at == end
    assert key.next_check_at is not None
    assert key.next_check_at <= end + timedelta(seconds=2)
    notice = Notice.objects.get()
    assert key.last4 in notice.body


def test_rotation_without_overlap_ends_the_old_key(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    new = at_stripe.admin.rotate_key(stripe_key.id)

    rotated(stripe_key, new["id"])

    assert checked(key).status == Status.EXPIRED
    told = Notice.objects.get()
    assert "which was rotated in Stripe, no longer works" in told.body, "the end, not that it may come"


def test_expiry_is_confirmed_before_it_is_believed(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    assert expired(stripe_key) == 1
    assert checked(key).status == Status.ACTIVE, "Stripe still accepts it"
    again = key.validations.get(state=DueRow.State.WAITING)
    assert again.reason == Validation.Reason.EXPIRY_EVENT

    at_stripe.admin.expire_key(stripe_key.id, lag=0)
    Validation.objects.filter(pk=again.pk).update(due_at=timezone.now())

    assert checked(key).status == Status.EXPIRED
    assert Notice.objects.count() == 1


def test_expiry_of_this_very_key_needs_one_refusal_only(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    at_stripe.admin.add_fault("unauthorized", key=stripe_key.id)

    expired(stripe_key)

    assert checked(key).status == Status.EXPIRED


def test_false_alarm_is_not_followed_for_ever(
    key: RestrictedKey, stripe_key: StripeKey, settings: Settings
) -> None:
    settings.KEY_EXPIRY_LAG_SECONDS = 0
    expired(stripe_key)

    key = checked(key)

    assert key.status == Status.ACTIVE
    assert not key.validations.filter(
        reason=Validation.Reason.EXPIRY_EVENT, state=DueRow.State.WAITING
    ).exists()


@pytest.mark.parametrize(
    "other", [Validation.Reason.EVENT, Validation.Reason.USE_REFUSED, Validation.Reason.CHECK_NOW]
)
def test_announced_end_is_not_forgotten_for_another_reason_to_look(
    key: RestrictedKey, stripe_key: StripeKey, other: str
) -> None:
    expired(stripe_key)
    checked(key)
    due = key.validations.get(state=DueRow.State.WAITING).due_at

    for _ in range(EXPIRY_LOOKS):
        lifecycle.request_validation(key, reason=other, now=timezone.now())
        assert checked(key).status == Status.ACTIVE, "Stripe still accepts it"

    again = key.validations.get(state=DueRow.State.WAITING)
    assert (again.reason, again.due_at) == (Validation.Reason.EXPIRY_EVENT, due), "nor looked for too early"


def test_end_announced_while_a_check_runs_gets_a_look_of_its_own(
    key: RestrictedKey, stripe_key: StripeKey
) -> None:
    lifecycle.request_validation(key, reason=Validation.Reason.EXPIRY_EVENT, now=timezone.now())
    [running] = engine.claim(VALIDATIONS)
    lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=timezone.now())

    validation.process(running)

    waiting = key.validations.filter(state=DueRow.State.WAITING).order_by("due_at")
    assert [one.reason for one in waiting] == [Validation.Reason.EVENT, Validation.Reason.EXPIRY_EVENT]


def test_report_of_another_key_of_the_account_touches_nothing(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    other = at_stripe.key(stripe_key.account)

    assert expired(stripe_key, other.id) == 0
    assert rotated(StripeKey(stripe_key.account, other.id, ""), "mk_new") == 0

    key.refresh_from_db()
    assert not key.is_expiring
    assert key.is_settled


def test_report_about_a_key_whose_id_is_not_known_leads_to_a_look(
    key: RestrictedKey, stripe_key: StripeKey
) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(stripe_key_id="")

    assert rotated(stripe_key, "mk_new") == 0

    key = checked(key)
    assert key.stripe_key_id == stripe_key.id
    assert reports.kept_key_ids([(stripe_key.account, False)]) == {(stripe_key.account, False, stripe_key.id)}
    assert not key.is_expiring, "nobody said that this was the key"


def test_change_is_recorded_and_looked_at(
    key: RestrictedKey, stripe_key: StripeKey, at_stripe: AtStripe
) -> None:
    at_stripe.admin.change_key(stripe_key.id, permissions=["charge_read"])

    reports.key_changed(
        stripe_account_id=stripe_key.account,
        livemode=False,
        stripe_key_id=stripe_key.id,
        what="Its permissions were changed at Stripe.",
        new_rights=True,
        now=timezone.now(),
    )

    assert checked(key).status == Status.LIMITED
    assert key.status_changes.filter(reason="Its permissions were changed at Stripe.").exists()


@pytest.mark.parametrize("livemode", [True, False])
def test_report_about_a_stranger_changes_nothing(
    key: RestrictedKey, stripe_key: StripeKey, livemode: bool
) -> None:
    account = stripe_key.account if livemode else "acct_1Stranger00000000"

    count = reports.key_expired(
        stripe_account_id=account, livemode=livemode, stripe_key_id=stripe_key.id, now=timezone.now()
    )

    assert count == 0
    assert not reports.has_account(account, livemode=livemode)


def uninstalled(key: StripeKey, *, age: int = 0, still_installed: bool | None = False) -> int:
    """Report that the app left the account, `age` seconds ago."""
    now = timezone.now()
    return install_reports.app_uninstalled(
        stripe_account_id=key.account,
        livemode=False,
        reported_at=now - timedelta(seconds=age),
        still_installed=still_installed,
        now=now,
    )


def test_uninstalled_app_ends_install_and_key(key: RestrictedKey, stripe_key: StripeKey) -> None:
    assert uninstalled(stripe_key) == 1
    assert uninstalled(stripe_key) == 0

    key.refresh_from_db()
    assert key.status == Status.REMOVED
    assert not hasattr(RestrictedKey.objects.get(pk=key.pk), "envelope")
    assert StripeInstall.objects.get().status == StripeInstall.Status.UNINSTALLED
    assert Notice.objects.count() == 1


def test_uninstalled_app_may_leave_the_key_where_configured(
    key: RestrictedKey, stripe_key: StripeKey, settings: Settings
) -> None:
    settings.KEY_ON_UNINSTALL = "keep"

    uninstalled(stripe_key)

    assert checked(key).status == Status.ACTIVE


def test_stale_or_contradicted_uninstall_is_ignored(key: RestrictedKey, stripe_key: StripeKey) -> None:
    StripeInstall.objects.update(installed_at=timezone.now())

    assert uninstalled(stripe_key, age=60) == 0
    assert uninstalled(stripe_key, still_installed=True) == 0

    key.refresh_from_db()
    assert key.status == Status.ACTIVE


def test_reinstall_makes_older_uninstalls_stale(key: RestrictedKey, stripe_key: StripeKey) -> None:
    now = timezone.now()
    install_reports.app_installed(
        stripe_account_id=stripe_key.account, livemode=False, reported_at=now, now=now
    )

    assert uninstalled(stripe_key, age=60) == 0


def test_stripes_list_of_installs_is_asked_where_it_can_be(
    key: RestrictedKey, stripe_key: StripeKey, settings: Settings
) -> None:
    assert install_reports.installed_at_stripe(stripe_key.account, livemode=False) is None
    settings.STRIPE_APP_OBJECT_ID = "app_1SimulatedPartnerApp"
    assert install_reports.installed_at_stripe(stripe_key.account, livemode=False) is True
