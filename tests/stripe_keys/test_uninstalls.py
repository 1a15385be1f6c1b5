"""The app leaves and comes back: what becomes of keys under either policy, what is said of it, and how one goes on."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import checks, install_reports, takeover, uninstalls
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.stripe_keys.keys import LONG_AGO, AtStripe, bind_account, checked, paste
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import ACCOUNT, a_key, page_of

pytestmark = pytest.mark.django_db

Status = RestrictedKey.Status
HOUR = timedelta(hours=1)


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's active key, of an account that is connected."""
    bind_account(ada, ACCOUNT)
    return a_key(ada, minutes_ago=600)


def uninstalled(
    *, hours_ago: float = 1, account: str = ACCOUNT, is_hearsay: bool = False, is_there: bool = False
) -> int:
    """Stripe reports that the app left; by an event alone if `is_hearsay`, which Stripe could not be asked about.

    If it `is_there`, Stripe was asked, and shows the app.
    """
    now = timezone.now()
    return install_reports.app_uninstalled(
        stripe_account_id=account,
        livemode=False,
        reported_at=now - hours_ago * HOUR,
        still_installed=None if is_hearsay else is_there,
        now=now,
    )


def installed(*, hours_ago: float = 0, account: str = ACCOUNT) -> int:
    """Stripe reports that the app came."""
    now = timezone.now()
    reported_at = now - hours_ago * HOUR
    return install_reports.app_installed(
        stripe_account_id=account, livemode=False, reported_at=reported_at, now=now
    )


def told() -> list[str]:
    """What was mailed, by kind, in order."""
    return [
        mark.partition(":")[0] for mark in Notice.objects.order_by("pk").values_list("dedupe_key", flat=True)
    ]


def test_a_removed_key_leads_to_the_install_first(adas_browser: Client, key: RestrictedKey) -> None:
    uninstalled()

    page, listed = page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()

    for shown in (page, listed):
        assert "The app was uninstalled in Stripe" in shown
        install, paste_one = (
            reverse(f"stripe_keys:{name}", args=["test"]) for name in ("connect", "paste_key")
        )
        main = shown[shown.index("The app was uninstalled in Stripe") :]
        assert main.index(f'href="{install}"') < main.index(f'href="{paste_one}"')
    assert "install the app again" in Notice.objects.get().body
    assert reverse("stripe_keys:connect", args=["test"]) in Notice.objects.get().body


def test_a_kept_key_serves_on_and_its_page_says_what_it_means(
    adas_browser: Client, key: RestrictedKey, settings: Settings
) -> None:
    settings.KEY_ON_UNINSTALL = "keep"

    assert uninstalled() == 1
    assert uninstalled() == 0

    key.refresh_from_db()
    page = page_of(adas_browser, key)
    assert key.is_usable
    assert "Stripe still accepts this key, so we go on with it." in page
    assert "The app was uninstalled from the Stripe account." in page
    assert told() == ["uninstalled"]
    assert "goes on reaching your account with it" in Notice.objects.get().body
    assert key.validations.filter(reason="event").exists()


def test_a_kept_key_that_stripe_has_ended_is_told_once_with_the_cause(
    adas_browser: Client, ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    settings.KEY_ON_UNINSTALL = "keep"
    theirs = at_stripe.bound_key(ada)
    key = proven(ada, theirs)
    at_stripe.admin.expire_key(theirs.id, lag=0)

    uninstalled(hours_ago=0, account=theirs.account)

    assert checked(key).status == Status.EXPIRED
    assert told() == ["expired"], "nothing of a key that goes on"
    assert "uninstalled from your Stripe account" in Notice.objects.get().body
    assert "The app was uninstalled in Stripe" in page_of(adas_browser, key)


def test_an_end_that_was_seen_before_its_cause_was_reported_is_explained(
    adas_browser: Client, key: RestrictedKey
) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(
        status=Status.EXPIRED, last_problem="key_expired", last_checked_at=timezone.now()
    )

    uninstalled()

    assert "install the app again first" in page_of(adas_browser, key)
    assert told() == []


@pytest.mark.parametrize("policy", uninstalls.POLICIES)
def test_after_a_reinstall_a_kept_key_is_checked_and_a_removed_one_asked_for(
    adas_browser: Client, key: RestrictedKey, settings: Settings, policy: str
) -> None:
    settings.KEY_ON_UNINSTALL = policy
    uninstalled(hours_ago=2)
    Notice.objects.all().delete()
    key.validations.all().delete()

    installed(hours_ago=1)
    installed(hours_ago=1)

    key.refresh_from_db()
    install = StripeInstall.objects.get()
    page = page_of(adas_browser, key)
    if policy == uninstalls.KEEP:
        assert install.status == StripeInstall.Status.INSTALLED
        assert key.validations.count() == 1
        assert "uninstalled in Stripe" not in page
        assert told() == []
        assert uninstalled(hours_ago=2) == 0, "that was before"
    else:
        assert install.status == StripeInstall.Status.UNINSTALLED, "nobody is bound without a proof"
        assert "The app is installed again" in page
        assert told() == ["installed_again"]


def test_an_install_that_is_older_than_the_uninstall_changes_nothing(key: RestrictedKey) -> None:
    uninstalled(hours_ago=1)

    installed(hours_ago=2)

    assert StripeInstall.objects.get().status == StripeInstall.Status.UNINSTALLED
    assert told() == ["uninstalled"]


def test_an_account_that_another_merchant_connected_since_stays_theirs(
    key: RestrictedKey, eve: User, settings: Settings
) -> None:
    settings.KEY_ON_UNINSTALL = "keep"
    uninstalled(hours_ago=2)
    bind_account(eve, ACCOUNT)
    Notice.objects.all().delete()

    installed(hours_ago=1)

    assert StripeInstall.objects.get(status=StripeInstall.Status.INSTALLED).merchant_id != key.merchant_id
    assert told() == []


def test_a_new_key_after_the_reinstall_makes_all_well(
    adas_browser: Client, ada: User, at_stripe: AtStripe
) -> None:
    first = at_stripe.bound_key(ada)
    old = proven(ada, first)
    uninstalled(hours_ago=0, account=first.account)
    bind_account(ada, first.account)

    new = checked(paste(ada, at_stripe.key(first.account).token))

    assert new.status == Status.ACTIVE
    assert not uninstalls.has_left(new)
    assert "Install the app again" not in adas_browser.get("/stripe/keys/").content.decode()
    assert StripeInstall.objects.filter(installed_at=LONG_AGO).count() == 2
    old.refresh_from_db()
    assert old.last_problem == uninstalls.LEFT


def test_hearsay_is_shown_until_the_app_is_seen_again(adas_browser: Client, key: RestrictedKey) -> None:
    assert uninstalled(hours_ago=2, is_hearsay=True) == 1

    key.refresh_from_db()
    assert key.is_usable
    assert "We were told that the app was uninstalled" in page_of(adas_browser, key)
    assert told() == ["said-to-be-uninstalled"], "ops alone"

    installed(hours_ago=1)

    assert "We were told" not in page_of(adas_browser, key)
    assert StripeInstall.objects.get().reported_gone_at is None


def test_hearsay_is_forgotten_once_stripe_can_be_asked_and_shows_the_app(key: RestrictedKey) -> None:
    uninstalled(hours_ago=2, is_hearsay=True)

    assert uninstalled(hours_ago=2, is_there=True) == 0

    assert StripeInstall.objects.get().reported_gone_at is None


def test_hearsay_outlives_a_report_of_an_install_before_it(key: RestrictedKey) -> None:
    uninstalled(hours_ago=1, is_hearsay=True)

    installed(hours_ago=2)

    assert StripeInstall.objects.get().reported_gone_at is not None


def test_hearsay_that_proved_nothing_in_days_is_shown_no_more(
    adas_browser: Client, key: RestrictedKey
) -> None:
    RestrictedKey.objects.update(created_at=LONG_AGO)
    uninstalled(hours_ago=97, is_hearsay=True)

    assert "We were told" not in page_of(adas_browser, key)


def test_hearsay_claims_no_answer_of_stripe_and_leads_to_all_that_one_may_do(
    adas_browser: Client, key: RestrictedKey
) -> None:
    uninstalled(is_hearsay=True)

    page = page_of(adas_browser, key)

    said = page[page.index("We were told") : page.index("Keys in Stripe")]
    assert "still accepts" not in said
    assert "we go on" not in said
    for way in (
        reverse("stripe_keys:connect", args=["test"]),
        reverse("stripe_keys:remove_key", args=[key.pk]),
    ):
        assert f'<a href="{way}"' in said, "a plain link: there may be nothing to do"


def test_merchant_who_comes_back_from_stripes_install_page_hears_no_hearsay(
    adas_browser: Client, ada: User, key: RestrictedKey
) -> None:
    uninstalled(is_hearsay=True)

    bind_account(ada, ACCOUNT)

    assert "We were told" not in page_of(adas_browser, key)


def test_hearsay_ends_an_install_that_has_no_key_to_ask(ada: User) -> None:
    bind_account(ada, ACCOUNT)

    uninstalled(is_hearsay=True)

    assert StripeInstall.objects.get().status == StripeInstall.Status.UNINSTALLED


def test_an_end_long_after_hearsay_is_not_put_down_to_it(key: RestrictedKey) -> None:
    RestrictedKey.objects.update(created_at=timezone.now() - 200 * HOUR)
    uninstalled(hours_ago=150, is_hearsay=True)

    takeover.after_the_end(key, timezone.now())

    assert StripeInstall.objects.get().status == StripeInstall.Status.INSTALLED


@pytest.mark.parametrize("missing", ["STRIPE_APP_OBJECT_ID", "STRIPE_PLATFORM_KEY_LIVE"])
def test_removing_keys_without_asking_stripe_is_warned_of_at_start_up(
    settings: Settings, missing: str
) -> None:
    settings.STRIPE_APP_OBJECT_ID, settings.STRIPE_PLATFORM_KEY_LIVE = "app_1Tests", "made up"
    setattr(settings, missing, "")

    [warning] = checks.check_uninstall_policy()

    assert "cannot be asked" in warning.msg
    settings.KEY_ON_UNINSTALL = "keep"
    assert checks.check_uninstall_policy() == []


def test_an_unknown_policy_is_refused_at_start_up(settings: Settings) -> None:
    settings.STRIPE_APP_OBJECT_ID, settings.STRIPE_PLATFORM_KEY_LIVE = "app_1Tests", "made up"
    assert checks.check_uninstall_policy() == []
    settings.KEY_ON_UNINSTALL = "true"

    [refusal] = checks.check_uninstall_policy()

    assert "neither remove nor keep" in refusal.msg
