"""After hours in which nothing reached us, one search makes what is here agree with what is at Stripe."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import tasks
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from tests.people import an_owner
from tests.stripe_keys.keys import AtStripe, StripeKey, checked, paste
from tests.webhooks.searches import begin, last_search_was, search, work_on
from webhooks.models import EventNotification, Reconciliation
from work import engine

Status = RestrictedKey.Status
pytestmark = pytest.mark.usefixtures("app_known_by_id")
HOURS = 5


@dataclass(frozen=True)
class Shop:
    """A merchant with one key, here and at Stripe."""

    theirs: StripeKey
    ours: RestrictedKey

    @property
    def key(self) -> RestrictedKey:
        """As it is here now."""
        self.ours.refresh_from_db()
        return self.ours


@pytest.fixture(autouse=True)
def many_may_end(settings: Settings, at_stripe: AtStripe) -> None:
    """In a site as small as this one a handful of ends would look like Stripe's mistake."""
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6
    settings.KEY_BRAKE_ACCOUNTS = 100


def a_shop(at_stripe: AtStripe, name: str) -> Shop:
    """A merchant who has connected an account and pasted its key."""
    owner: User = an_owner(f"{name}@example.com", name)
    theirs = at_stripe.bound_key(owner)
    ours = checked(paste(owner, theirs.token))
    assert ours.status == Status.ACTIVE
    return Shop(theirs, ours)


def nobody_looked_for(hours: float) -> None:
    """Let the site have stood still for so long."""
    last_search_was(hours)
    RestrictedKey.objects.update(last_checked_at=F("last_checked_at") - timedelta(hours=hours + 1))


def catch_up() -> None:
    """What workers do in the minutes after."""
    for _ in range(4):
        engine.drain("events")
        tasks.plan_due_checks()
        Validation.objects.filter(state=Validation.State.WAITING).update(due_at=Now())
        engine.drain("validations")


def uninstall(at_stripe: AtStripe, account: str) -> None:
    """The merchant uninstalls the app, and has its keys end with it."""
    [install] = [each for each in at_stripe.admin.installs() if each["account"] == account]
    at_stripe.admin.uninstall(install["id"], after=0)


def test_one_search_puts_everything_right(transactional_db: None, at_stripe: AtStripe) -> None:
    stripe = at_stripe.admin
    kept, overlapping, replaced, expired, limited, left, silent = (
        a_shop(at_stripe, name)
        for name in ("kept", "over", "replaced", "expired", "limited", "left", "silent")
    )
    nobody_looked_for(HOURS)
    successor = stripe.rotate_key(overlapping.theirs.id, overlap=3600)
    stripe.rotate_key(replaced.theirs.id)
    stripe.expire_key(expired.theirs.id, lag=0)
    fewer = [name for name in stripe.key(limited.theirs.id)["permissions"] if name != "customer_read"]
    stripe.change_key(limited.theirs.id, permissions=fewer)
    uninstall(at_stripe, left.theirs.account)
    stripe.switch(connect_fanout=False)
    stripe.expire_key(silent.theirs.id, lag=0)
    stripe.switch(connect_fanout=True)

    run = search()
    catch_up()

    assert (run.state, run.installs_mended) == ("done", 1)
    assert EventNotification.objects.exclude(source="listed").count() == 0
    shops = {shop.theirs.id: shop for shop in (kept, overlapping, replaced, expired, limited, left, silent)}
    truth = {key: stripe.key(key)["status"] == "active" for key in shops}
    assert {key: shop.key.is_usable for key, shop in shops.items()} == truth
    assert overlapping.key.successor_stripe_key_id == successor["id"]
    assert [kept.key.status, limited.key.status] == [Status.ACTIVE, Status.LIMITED]
    assert StripeInstall.objects.get(status="uninstalled").stripe_account_id == left.theirs.account


def test_keys_looked_at_since_the_gap_began_are_left_alone(
    transactional_db: None, at_stripe: AtStripe
) -> None:
    seen, unseen = a_shop(at_stripe, "seen"), a_shop(at_stripe, "unseen")
    nobody_looked_for(HOURS)
    RestrictedKey.objects.filter(pk=seen.ours.pk).update(last_checked_at=timezone.now())

    run = search()

    assert run.keys_to_check == 1
    assert list(Validation.objects.filter(state="waiting").values_list("key", flat=True)) == [unseen.ours.pk]


def test_without_a_gap_no_key_is_looked_at(transactional_db: None, at_stripe: AtStripe) -> None:
    a_shop(at_stripe, "quiet")
    search()

    run = search()

    assert (run.keys_to_check, run.progress["notes"]["keys"]) == (0, "no_gap")


def test_run_that_lay_still_itself_is_a_gap(transactional_db: None, at_stripe: AtStripe) -> None:
    shop = a_shop(at_stripe, "slept")
    search()
    then = timezone.now() - timedelta(hours=HOURS)
    RestrictedKey.objects.update(last_checked_at=then - timedelta(hours=1))
    run = begin()
    Reconciliation.objects.filter(pk=run.pk).update(
        progress={**run.progress, "saved_at": then.isoformat(), "is_prepared": True}
    )

    assert work_on(run).keys_to_check == 1
    assert Validation.objects.get(state="waiting").key_id == shop.ours.pk


def test_keys_of_one_account_are_looked_at_alone(transactional_db: None, at_stripe: AtStripe) -> None:
    chosen, other = a_shop(at_stripe, "chosen"), a_shop(at_stripe, "other")
    RestrictedKey.objects.update(last_checked_at=timezone.now() - timedelta(days=1))

    run = search(since=timezone.now() - timedelta(hours=1), account=chosen.theirs.account)

    assert (run.accounts_done, run.keys_to_check) == (1, 1)
    assert Validation.objects.get(state="waiting").key_id == chosen.ours.pk
    assert other.key.status == Status.ACTIVE
