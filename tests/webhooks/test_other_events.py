"""Events about installs, pings, and those that are nothing of ours."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.webhooks.arrivals import Arrivals, after_checks
from tests.webhooks.deliveries import a_notification, a_snapshot, deliver_event
from webhooks.models import EventNotification
from work import engine

Status = RestrictedKey.Status


def install_at_stripe(arrivals: Arrivals, account: str) -> str:
    return next(str(each["id"]) for each in arrivals.admin.installs() if each["account"] == account)


def processed(event: dict[str, Any]) -> EventNotification:
    """The row of a well-signed event after a worker has been at it."""
    assert deliver_event(event).status_code == 200
    engine.drain("events")
    return EventNotification.objects.get(event_id=event["id"])


@pytest.mark.usefixtures("app_known_by_id")
def test_uninstall_ends_install_and_key(key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals) -> None:
    arrivals.admin.uninstall(install_at_stripe(arrivals, theirs.account), expire_keys=False)

    events = arrivals.all_of(theirs.account)

    assert {"account.application.deauthorized", "apps.install.deleted"} <= {event.type for event in events}
    assert StripeInstall.objects.get(stripe_account_id=theirs.account).status == "uninstalled"
    key.refresh_from_db()
    assert key.status == Status.REMOVED
    assert not hasattr(RestrictedKey.objects.get(pk=key.pk), "envelope")


@pytest.mark.parametrize("policy", ["remove", "keep"])
@pytest.mark.parametrize("is_refused", [False, True], ids=["unknown_id", "refused"])
def test_an_events_word_alone_ends_no_key(
    key: RestrictedKey,
    theirs: StripeKey,
    at_stripe: AtStripe,
    settings: Settings,
    *,
    policy: str,
    is_refused: bool,
) -> None:
    settings.KEY_ON_UNINSTALL = policy
    settings.STRIPE_APP_OBJECT_ID = "app_1SimulatedPartnerApp" if is_refused else ""
    if is_refused:
        at_stripe.admin.add_fault("unauthorized", path="/v1/apps/installs", times=None)

    event = processed(a_snapshot(account=theirs.account, created=4_070_908_800))

    assert (event.outcome, event.outcome_note) == ("applied", "stripe_not_asked")
    install = StripeInstall.objects.get(stripe_account_id=theirs.account)
    assert (install.status, install.uninstalled_at) == ("installed", None)
    assert install.reported_gone_at is not None
    assert after_checks(key).status == Status.ACTIVE
    assert Notice.objects.get().dedupe_key.startswith("said-to-be-uninstalled:")


def test_a_report_that_stripe_bears_out_by_refusing_the_key_ends_install_and_key(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    RestrictedKey.objects.update(created_at=timezone.now() - timedelta(hours=1))
    arrivals.admin.uninstall(install_at_stripe(arrivals, theirs.account), expire_keys=True)

    arrivals.all_of(theirs.account)

    after = after_checks(key)
    assert (after.status, after.last_problem) == (Status.EXPIRED, "app_uninstalled")
    assert StripeInstall.objects.get(stripe_account_id=theirs.account).status == "uninstalled"


@pytest.mark.usefixtures("app_known_by_id")
def test_uninstall_leaves_the_key_to_be_checked_where_so_configured(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, settings: Settings
) -> None:
    settings.KEY_ON_UNINSTALL = "keep"
    arrivals.admin.uninstall(install_at_stripe(arrivals, theirs.account), expire_keys=False)

    arrivals.all_of(theirs.account)

    assert StripeInstall.objects.get(stripe_account_id=theirs.account).status == "uninstalled"
    assert after_checks(key).status == Status.ACTIVE


@pytest.mark.usefixtures("app_known_by_id")
@pytest.mark.parametrize("kind", ["account.application.deauthorized", "apps.install.deleted"])
def test_stale_uninstall_is_contradicted_by_stripes_list(
    key: RestrictedKey, theirs: StripeKey, kind: str
) -> None:
    event = processed(a_snapshot(type=kind, account=theirs.account))

    assert (event.outcome, event.outcome_note) == ("ignored", "still_installed")
    key.refresh_from_db()
    assert key.status == Status.ACTIVE


@pytest.mark.usefixtures("app_known_by_id")
def test_uninstall_of_another_app_is_not_ours(key: RestrictedKey, theirs: StripeKey) -> None:
    install = {"id": "appinst_1", "object": "apps.install", "account": theirs.account, "app": "app_1Another"}

    event = processed(
        a_snapshot(type="apps.install.deleted", account=theirs.account, data={"object": install})
    )

    assert (event.outcome, event.outcome_note) == ("ignored", "other_app")


@pytest.mark.usefixtures("app_known_by_id")
def test_uninstall_that_takes_its_time_is_seen_at_its_first_report(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.uninstall(install_at_stripe(arrivals, theirs.account), expire_keys=False, after=60)

    event = arrivals.of("apps.install.updated", theirs.account)

    assert event.outcome == "applied"
    key.refresh_from_db()
    assert key.status == Status.REMOVED


@pytest.mark.parametrize(
    "kind", ["account.application.authorized", "apps.install.created", "apps.install.updated"]
)
def test_install_has_the_accounts_install_renewed(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, kind: str
) -> None:
    event = processed(a_snapshot(type=kind, account=theirs.account))

    assert event.outcome == "applied"
    assert StripeInstall.objects.get(stripe_account_id=theirs.account).status == "installed"


def test_unknown_account_binds_nobody(transactional_db: None) -> None:
    event = processed(a_snapshot(type="account.application.authorized"))

    assert (event.outcome, event.outcome_note) == ("parked", "unknown_account")
    assert not StripeInstall.objects.exists()


def test_ping_has_arrived_and_that_is_all(arrivals: Arrivals) -> None:
    sent = arrivals.admin.ping("we_tests_thin")

    from tests.simulator import until

    until(lambda: EventNotification.objects.filter(event_id=sent).exists())
    engine.drain("events")

    event = EventNotification.objects.get(event_id=sent)
    assert (event.state, event.outcome, event.lane) == ("done", "ignored", "platform")


def test_unknown_type_is_kept_and_marked(transactional_db: None) -> None:
    event = processed(a_notification(type="v9.something.new"))

    assert (event.state, event.outcome) == ("done", "unknown_type")


def test_other_mode_of_a_known_account_is_parked(key: RestrictedKey, theirs: StripeKey) -> None:
    event = processed(a_notification(context=theirs.account, livemode=True))

    assert (event.outcome, event.outcome_note) == ("parked", "unknown_account")


def test_event_without_a_mode_is_unmatched(key: RestrictedKey, theirs: StripeKey) -> None:
    event = processed(a_notification(context=theirs.account, livemode=None))

    assert (event.outcome, event.outcome_note) == ("unmatched", "names_no_mode")


@pytest.mark.parametrize(
    "context", ["../../v1/accounts", "acct_1/..", "/", "acct_1MerchantTests00?x=1", None]
)
def test_odd_context_never_reaches_stripe(at_stripe: AtStripe, context: str | None) -> None:
    before = at_stripe.admin.counts()["requests_ever"]

    event = processed(a_notification(type="v2.iam.api_key.expired", context=context))

    assert (event.outcome, event.outcome_note) == ("unmatched", "names_no_account")
    assert at_stripe.admin.counts()["requests_ever"] == before


def test_poison_event_does_not_hold_up_the_others_of_its_lane(key: RestrictedKey, theirs: StripeKey) -> None:
    poison = a_snapshot(type="apps.install.created", account=theirs.account)
    deliver_event(poison)
    EventNotification.objects.update(body="not JSON at all")

    after = processed(a_snapshot(type="apps.install.updated", account=theirs.account))

    assert after.state == "done"
    assert EventNotification.objects.get(event_id=poison["id"]).state == "waiting"
