"""A broken list of installs ends nothing: whatever Stripe says by mistake, working keys go on working."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys.gateway import app_questions
from stripe_keys.models import RestrictedKey, StripeInstall
from tests.people import a_secret_key
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import Reply, ScriptedStripe, saying
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.rows import a_key
from tests.webhooks.deliveries import an_account_id
from tests.webhooks.searches import search
from webhooks.models import Reconciliation

pytestmark = pytest.mark.django_db(transaction=True)
APP = "app_1SimulatedPartnerApp"
INSTALLS: dict[str, Any] = {"phases": ("installs",)}


@pytest.fixture
def scripted(settings: Settings) -> Iterator[ScriptedStripe]:
    """A Stripe that lists whatever the test says."""
    with scripted_stripe.running() as stripe:
        settings.STRIPE_API_BASE = stripe.base_url
        settings.STRIPE_PLATFORM_KEY_TEST = a_secret_key()
        settings.STRIPE_PLATFORM_KEY_LIVE = ""
        settings.STRIPE_APP_OBJECT_ID = APP
        settings.RECONCILE_REQUESTS_PER_SECOND = 1e6
        yield stripe


def row(account: object, /, **changes: object) -> dict[str, object]:
    """An install as Stripe lists it."""
    usual = {"id": "appinst_1", "account": account, "app": APP, "status": "installed", "livemode": False}
    return {**usual, **changes}


def listing(*rows: dict[str, object]) -> Callable[[str], Reply]:
    """Stripe's answer: these rows, or those of the account that was asked about."""

    def answer(path: str) -> Reply:
        asked = [each for each in rows if f"account={each['account']}&" in path]
        return saying({"data": asked if "account=" in path else list(rows), "has_more": False})

    return answer


def status_of(account: str) -> str:
    return StripeInstall.objects.get(stripe_account_id=account).status


@pytest.fixture
def accounts(ada: User, scripted: ScriptedStripe) -> list[str]:
    """Two accounts of Ada's that Stripe has listed before; the first has a key in use."""
    two = [an_account_id(), an_account_id()]
    for account in two:
        bind_account(ada, account)
    a_key(ada, stripe_account_id=two[0])
    scripted.answer = listing(*map(row, two))
    search(**INSTALLS)
    return two


@pytest.mark.parametrize(
    "body",
    [
        lambda _: {"data": []},
        lambda _: {"data": [], "has_more": True},
        lambda _: {"data": ["x"]},
        lambda _: {"data": [], "error": {"message": "x"}},
        lambda both: {"data": [row(account, status="active") for account in both]},
        lambda both: {"data": [row(both[1]), "x"]},
        lambda both: {"data": [row(both[0], status="active"), row(both[1])]},
        lambda both: {"data": [row(both[1])], "error": {"message": "x"}},
        lambda both: {"data": [row(both[1])], "has_more": "yes"},
        lambda both: {"data": [row(both[1])]},
    ],
    ids=[
        "empty",
        "empty with more",
        "no objects",
        "error",
        "unknown status of all",
        "one no object",
        "unknown status of one",
        "error beside rows",
        "odd has_more",
        "filter ignored",
    ],
)
def test_wrong_answer_ends_no_install_and_removes_no_key(
    scripted: ScriptedStripe, accounts: list[str], body: Callable[[list[str]], object]
) -> None:
    scripted.answer = lambda _: saying(body(accounts))

    run = search(**INSTALLS)

    assert run.installs_mended == 0
    assert [status_of(account) for account in accounts] == ["installed", "installed"]
    assert RestrictedKey.objects.get().status == "active"


def test_list_that_shows_none_any_more_is_told_to_ops(scripted: ScriptedStripe, accounts: list[str]) -> None:
    scripted.answer = listing()

    run = search(**INSTALLS)

    assert run.progress["notes"]["installs_test"] == "none_shown"
    assert "there are 2 in test mode" in Notice.objects.get(dedupe_key__startswith="installs-none-").body
    assert search(account=accounts[1], **INSTALLS).installs_mended == 1, "ops' own way out"
    assert status_of(accounts[1]) == "uninstalled"


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("installing", "installed"),
        ("uninstall_failed", "installed"),
        ("uninstalling", "uninstalled"),
        ("install_failed", "uninstalled"),
    ],
)
def test_status_says_whether_the_app_is_there(
    scripted: ScriptedStripe, accounts: list[str], status: str, becomes: str
) -> None:
    scripted.answer = listing(row(accounts[0], status=status), row(accounts[1]))

    search(**INSTALLS)

    assert [status_of(account) for account in accounts] == [becomes, "installed"]


@pytest.mark.parametrize(
    "other", [{"account": "acct_1SomebodyElses0"}, {"app": "app_2"}, {"livemode": True}], ids=ascii
)
def test_what_is_said_of_another_install_brings_none_back(
    scripted: ScriptedStripe, accounts: list[str], other: dict[str, object]
) -> None:
    earlier = timezone.now() - timedelta(hours=1)
    gone = StripeInstall.objects.filter(stripe_account_id=accounts[0])
    gone.update(status="uninstalled", installed_at=earlier, uninstalled_at=earlier)
    scripted.answer = lambda _: saying({"data": [row(accounts[0], **other)]})

    assert search(account=accounts[0], **INSTALLS).installs_mended == 0
    assert status_of(accounts[0]) == "uninstalled"


@pytest.mark.parametrize(
    "account",
    ["acct_1\x00AdasAccount", "\ud800", 5, "a" * 100_000, "acct_1", None],
    ids=lambda odd: ascii(odd)[:20],
)
def test_account_that_is_none_is_passed_over(
    scripted: ScriptedStripe, accounts: list[str], account: object
) -> None:
    scripted.answer = lambda _: saying({"data": [row(account), *map(row, accounts)]})

    run = search(**INSTALLS)

    assert (run.state, run.progress.get("notes")) == ("done", None)


def test_limit_of_what_ends_is_one_for_the_whole_day(
    ada: User, scripted: ScriptedStripe, settings: Settings
) -> None:
    settings.KEY_BRAKE_ACCOUNTS = 3
    six = [an_account_id() for _ in range(6)]
    for account in six:
        bind_account(ada, account)
    notes = []
    for left in (6, 4, 2):
        scripted.answer = listing(*map(row, six[:left]))
        notes.append(search(**INSTALLS).progress.get("notes"))

    assert notes == [None, None, {"installs_test": "too_many_gone"}]
    assert [status_of(account) for account in six] == ["installed"] * 4 + ["uninstalled"] * 2
    assert "Another 2 were ended" in Notice.objects.get(dedupe_key__startswith="installs-gone:").body

    a_day_ago = timezone.now() - timedelta(hours=25)
    Reconciliation.objects.update(created_at=a_day_ago, finished_at=a_day_ago)
    assert search(**INSTALLS).installs_mended == 2


def test_answer_that_does_not_say_is_neither_yes_nor_no(scripted: ScriptedStripe) -> None:
    account = an_account_id()
    scripted.answer = lambda _: saying({"data": [row(account, status="paused")], "has_more": False})

    assert app_questions.is_installed(account, livemode=False) is None
