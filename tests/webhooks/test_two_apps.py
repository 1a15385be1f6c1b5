"""Reports and searches where we have two apps: each event counts for its own app, and both lists are compared."""

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import app_installs
from stripe_keys.models import AppOnAccount, RestrictedKey, StripeInstall
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.webhooks.deliveries import a_snapshot, deliver_event
from tests.webhooks.searches import search
from webhooks.models import EventNotification
from work import engine

pytestmark = pytest.mark.usefixtures("app_known_by_id")
SECOND = "app_1SimulatedSecondApp"
LATER = 4_070_908_800


@pytest.fixture
def theirs(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key as Stripe holds it; events come only where a test delivers one."""
    return at_stripe.bound_key(ada)


@pytest.fixture(autouse=True)
def second_app(settings: Settings, at_stripe: AtStripe, theirs: StripeKey) -> str:
    """The app that makes keys is another one, and is on Ada's account too; returns its install."""
    settings.STRIPE_MANAGED_APP_OBJECT_ID = SECOND
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6
    return str(at_stripe.admin.post("/installs", account=theirs.account, app=SECOND)["id"])


def first_app(at_stripe: AtStripe, account: str) -> str:
    installs = at_stripe.admin.installs()
    return next(str(one["id"]) for one in installs if (one["account"], one["app"]) == (account, ""))


def processed(event: dict[str, Any]) -> EventNotification:
    """The row of a well-signed event after a worker has been at it."""
    assert deliver_event(event).status_code == 200
    engine.drain("events")
    return EventNotification.objects.get(event_id=event["id"])


def deleted(account: str, app: str) -> dict[str, Any]:
    install = {"id": "appinst_1", "object": "apps.install", "account": account, "app": app}
    return a_snapshot(type="apps.install.deleted", account=account, created=LATER, data={"object": install})


def test_event_about_the_second_app_ends_no_pasted_key(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, second_app: str
) -> None:
    at_stripe.admin.uninstall(second_app, expire_keys=False)

    event = processed(deleted(theirs.account, SECOND))

    assert event.outcome == "applied"
    key.refresh_from_db()
    assert key.status == RestrictedKey.Status.ACTIVE
    assert StripeInstall.objects.get().status == "installed"
    assert AppOnAccount.objects.get(app="managing").left_at is not None


def test_event_about_the_first_app_ends_the_pasted_key_and_not_the_binding(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    at_stripe.admin.uninstall(first_app(at_stripe, theirs.account), expire_keys=False)

    event = processed(deleted(theirs.account, "app_1SimulatedPartnerApp"))

    assert event.outcome == "applied"
    key.refresh_from_db()
    assert key.status == RestrictedKey.Status.REMOVED
    assert StripeInstall.objects.get().status == "installed", "the second app is still there"


def test_event_that_names_no_app_of_ours_is_held_against_both(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, second_app: str
) -> None:
    at_stripe.admin.uninstall(second_app, expire_keys=False)

    event = processed(a_snapshot(account=theirs.account, created=LATER))

    assert (event.outcome, event.outcome_note) == ("applied", "")
    key.refresh_from_db()
    assert key.status == RestrictedKey.Status.ACTIVE
    assert AppOnAccount.objects.get(app="managing").left_at is not None


def test_search_learns_of_both_apps_and_ends_the_one_that_left(
    ada: User, key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, second_app: str
) -> None:
    other = at_stripe.bound_key(ada)
    at_stripe.admin.post("/installs", account=other.account, app=SECOND)
    at_stripe.admin.post(
        f"/installs/{first_app(at_stripe, theirs.account)}/ask", permissions=["payout_write"]
    )
    search(phases=("installs",))
    assert AppOnAccount.objects.filter(app="managing").count() == 2
    waiting = AppOnAccount.objects.get(app="pasting", install__stripe_account_id=theirs.account)
    assert waiting.permissions_pending == ["payout_write"]

    at_stripe.admin.uninstall(second_app, expire_keys=False)
    run = search(phases=("installs",))

    assert run.installs_mended == 1
    left = AppOnAccount.objects.get(app="managing", install__stripe_account_id=theirs.account)
    assert left.left_at is not None
    key.refresh_from_db()
    assert key.status == RestrictedKey.Status.ACTIVE


def test_search_for_one_account_sees_that_the_second_app_came_back(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    app_installs.note_left(StripeInstall.objects.get(), "managing", timezone.now())

    run = search(account=theirs.account, phases=("installs",))

    assert run.installs_mended == 1
    assert AppOnAccount.objects.get(app="managing").left_at is None
