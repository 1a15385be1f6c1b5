"""Two apps of ours: each comes and leaves for its own keys alone, and the account stays bound while one is there."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import app_checks, app_installs, install_reports, our_apps, uninstalls
from stripe_keys.gateway import app_questions
from stripe_keys.gateway.app_answers import FetchedEvent
from stripe_keys.models import AppOnAccount, InstallState, KeyManagement, RestrictedKey, StripeInstall
from tests.people import merchant_of
from tests.stripe_keys.keys import AtStripe, bind_account
from tests.stripe_keys.rows import ACCOUNT, a_key
from tests.stripe_keys.test_installs import come_back, signed_query

pytestmark = pytest.mark.django_db
FIRST, SECOND = "app_1SimulatedPartnerApp", "app_1SimulatedSecondApp"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def two_apps(settings: Settings) -> None:
    """One app's keys are pasted, another makes keys."""
    settings.STRIPE_APP_OBJECT_ID, settings.STRIPE_MANAGED_APP_OBJECT_ID = FIRST, SECOND
    settings.STRIPE_MANAGED_APP_ID = "com.example.second"


@pytest.fixture
def pasted(ada: User) -> RestrictedKey:
    """Ada's key, pasted."""
    bind_account(ada, ACCOUNT)
    return a_key(ada, minutes_ago=600)


@pytest.fixture
def made(ada: User, pasted: RestrictedKey) -> RestrictedKey:
    """Another key of the same account, which the app made for another purpose."""
    return a_key(
        ada,
        minutes_ago=600,
        managed_by="app",
        stripe_key_id="mk_1TheAppsOwn",
        purpose="reporting",
    )


def report(app: str, *, is_there: bool | None = False, account: str = ACCOUNT) -> int:
    """Stripe reports that the app left, and shows or does not show it."""
    now = timezone.now()
    whose: dict[str, Any] = {
        "stripe_account_id": account,
        "livemode": False,
        "app": app,
    }
    return install_reports.app_uninstalled(**whose, reported_at=now - HOUR, still_installed=is_there, now=now)


def statuses(*keys: RestrictedKey) -> list[str]:
    for key in keys:
        key.refresh_from_db()
    return [key.status for key in keys]


def is_bound() -> bool:
    return StripeInstall.objects.filter(stripe_account_id=ACCOUNT, status="installed").exists()


@pytest.mark.parametrize(
    ("app", "left"),
    [("managing", ["active", "removed"]), ("pasting", ["removed", "active"])],
    ids=["managing", "pasting"],
)
def test_an_app_that_leaves_takes_its_own_keys_along_and_the_account_stays_bound(
    pasted: RestrictedKey, made: RestrictedKey, app: str, left: list[str]
) -> None:
    assert report(app) == 1
    assert report(app) == 0, "it is said once more of an app that has left"

    assert statuses(pasted, made) == left
    assert is_bound()
    gone = made if app == "managing" else pasted
    assert uninstalls.has_left(gone)
    assert not uninstalls.has_left(pasted if gone is made else made)


def test_the_last_app_that_leaves_ends_the_binding(pasted: RestrictedKey, made: RestrictedKey) -> None:
    report("managing")
    report("pasting")

    assert statuses(pasted, made) == ["removed", "removed"]
    assert not is_bound()


def test_only_the_app_that_makes_keys_ends_the_making_of_keys(ada: User, made: RestrictedKey) -> None:
    KeyManagement.objects.create(merchant=merchant_of(ada), livemode=False, stripe_account_id=ACCOUNT)

    report("pasting")
    assert KeyManagement.objects.get().is_on
    report("managing")
    assert not KeyManagement.objects.get().is_on


def test_an_app_that_is_seen_there_holds_the_binding_without_any_key(
    pasted: RestrictedKey,
) -> None:
    app_installs.note_came(StripeInstall.objects.get(), "managing", timezone.now() - 2 * HOUR)

    report("pasting")

    assert statuses(pasted) == ["removed"]
    assert is_bound()


def test_one_app_takes_all_keys_along(pasted: RestrictedKey, made: RestrictedKey, settings: Settings) -> None:
    settings.STRIPE_MANAGED_APP_OBJECT_ID = ""

    report("pasting")

    assert statuses(pasted, made) == ["removed", "removed"]
    assert not is_bound()


def test_hearsay_about_one_app_ends_no_key_of_the_other(pasted: RestrictedKey, made: RestrictedKey) -> None:
    report("managing", is_there=None)

    uninstalls.believe_hearsay(pasted, timezone.now())
    assert statuses(pasted, made) == ["active", "active"]
    assert (
        uninstalls.is_said_to_be_gone(pasted),
        uninstalls.is_said_to_be_gone(made),
    ) == (False, True)

    uninstalls.believe_hearsay(made, timezone.now())
    assert statuses(pasted, made) == ["active", "removed"]


def test_an_app_that_came_back_is_not_ended_by_an_older_report(
    pasted: RestrictedKey, made: RestrictedKey
) -> None:
    report("managing")
    whose: dict[str, Any] = {
        "stripe_account_id": ACCOUNT,
        "livemode": False,
        "app": "managing",
    }
    now = timezone.now()
    install_reports.app_installed(**whose, reported_at=now, now=now)

    assert AppOnAccount.objects.get(app="managing").left_at is None
    assert report("managing") == 0
    assert AppOnAccount.objects.get(app="managing").left_at is None


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        (FIRST, ("pasting",)),
        (SECOND, ("managing",)),
        ("app_1Strangers", ()),
        (None, ("pasting", "managing")),
    ],
    ids=["first", "second", "strangers", "unnamed"],
)
def test_reports_are_told_apart_by_the_app_that_they_name(named: object, meant: tuple[str, ...]) -> None:
    assert our_apps.meant_by(named) == meant


# --- The way to the second app ---------------------------------------------------------------------------------------


def test_second_app_has_an_install_link_of_its_own_and_a_signed_return_says_that_it_came(
    ada: User, client: Client, settings: Settings
) -> None:
    settings.MANAGED_KEYS = ["test"]
    settings.STRIPE_MANAGED_INSTALL_PATH_TEST = "/oauth/v2/authorize?client_id=ca_second"
    client.force_login(ada)
    page = reverse("stripe_keys:connect", args=["test"])

    assert "Install the app that makes keys" in client.get(page).content.decode()
    address = urlsplit(client.post(page, {"app": "managing"})["Location"])

    query = parse_qs(address.query)
    assert (address.path, query["client_id"]) == ("/oauth/v2/authorize", ["ca_second"])
    state = query["state"][0]
    returned = come_back(ada, state, signed_query(settings, state))
    assert returned.app == "managing"
    assert [told.app for told in AppOnAccount.objects.all()] == ["managing"]


def test_second_app_is_not_offered_where_the_app_makes_no_keys(ada: User, client: Client) -> None:
    client.force_login(ada)
    page = reverse("stripe_keys:connect", args=["test"])

    assert "Install the app that makes keys" not in client.get(page).content.decode()
    client.post(page, {"app": "managing"})

    assert InstallState.objects.get().app == "pasting"


def test_each_app_has_its_own_settings_page(settings: Settings) -> None:
    first, second = (our_apps.settings_url(livemode=True, app=app) for app in ("pasting", "managing"))

    assert first.endswith(f"/settings/apps/{settings.STRIPE_APP_ID}")
    assert second.endswith("/settings/apps/com.example.second")


# --- Asking Stripe ---------------------------------------------------------------------------------------------------


def test_each_app_is_asked_about_by_its_own_id_and_with_its_own_key(
    at_stripe: AtStripe, settings: Settings
) -> None:
    second_key = at_stripe.admin.create_key(at_stripe.simulator.platform_account, kind="secret")
    settings.STRIPE_MANAGED_KEY_TEST = second_key["token"]
    account = at_stripe.admin.create_account()
    at_stripe.admin.post("/installs", account=account, app=SECOND)

    shown = {
        app: app_questions.install_of(account, livemode=False, app=app).is_there
        for app in ("pasting", "managing")
    }

    assert shown == {"pasting": False, "managing": True}
    asked = at_stripe.admin.requests(path="/v1/apps/installs", key=second_key["id"])
    assert len(asked) == 1


def test_what_one_app_may_not_see_the_other_asks_for(at_stripe: AtStripe, settings: Settings) -> None:
    """The second app's key is of somebody who does not reach the merchant's account."""
    settings.STRIPE_MANAGED_KEY_TEST = at_stripe.key().token
    account = at_stripe.key().account
    event = at_stripe.admin.emit("v2.iam.api_key.created", account=account, data={"api_key": "mk_1"})

    (fetched,) = app_questions.fetch_events([(event, account)], livemode=False)

    assert isinstance(fetched, FetchedEvent)


def test_whoever_comes_back_from_the_second_app_is_led_to_the_keys_that_it_makes(
    ada: User, client: Client, settings: Settings
) -> None:
    settings.MANAGED_KEYS = ["test"]
    client.force_login(ada)
    leaving = client.post(reverse("stripe_keys:connect", args=["test"]), {"app": "managing"})
    state = parse_qs(urlsplit(leaving["Location"]).query)["state"][0]

    back = client.get(reverse("stripe_keys:install_return"), signed_query(settings, state))

    assert back["Location"] == reverse("stripe_keys:managed_keys", args=["test"])


# --- Settings --------------------------------------------------------------------------------------------------------


def complaints(settings: Settings, **changes: Any) -> set[str | None]:
    for name, value in changes.items():
        setattr(settings, name, value)
    return {found.id for found in app_checks.check_apps()}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, set()),
        ({"STRIPE_APP_OBJECT_ID": ""}, {"stripe_keys.E012"}),
        ({"STRIPE_MANAGED_APP_ID": ""}, {"stripe_keys.E012"}),
        ({"MANAGED_KEYS": ["test"]}, {"stripe_keys.E012"}),
        ({"MANAGED_KEYS": ["test"], "STRIPE_MANAGED_KEY_TEST": "set"}, set()),
        ({"STRIPE_MANAGED_APP_OBJECT_ID": ""}, {"stripe_keys.W003"}),
        ({"STRIPE_MANAGED_APP_OBJECT_ID": "", "STRIPE_MANAGED_APP_ID": ""}, set()),
        ({"STRIPE_MANAGED_APP_OBJECT_ID": FIRST, "STRIPE_MANAGED_APP_ID": ""}, set()),
    ],
    ids=["whole", "first_id", "manifest_id", "key", "with_key", "leftover", "one", "same"],
)
def test_half_a_second_app_is_complained_of_at_the_start(
    settings: Settings, changes: dict[str, Any], found: set[str]
) -> None:
    assert complaints(settings, **changes) == found
