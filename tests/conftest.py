"""What every test may ask for. People and their browsers are made by `tests.people`."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.test import Client, TransactionTestCase, override_settings
from pytest_django import Settings

from accounts.models import Merchant, User
from partner_site.database import answers
from partner_site.database.base import DatabaseWrapper
from stripe_keys import incidents
from stripe_keys.vault import data_keys
from tests import people
from tests.emptying import Emptying
from tests.simulator import SimulatorProcess

pytest_plugins = ["tests.collecting", "tests.browser.stage"]


class SharingOut:
    """Which tests stay together where they are shared out among workers, and which come first.

    One worker takes all that play on the stage, since they share it; a file whose tests start processes stays whole.
    All of these mostly wait, and so begin first; beside them the others do the rest.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Name the groups, before the plugin that shares out reads them."""
        for item in items:
            if _mostly_waits(item):
                group = "stage" if _plays_on_the_stage(item) else item.location[0]
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stage, then with what starts processes: after everything else has been put in random order."""
    items.sort(key=lambda item: (not _plays_on_the_stage(item), not _mostly_waits(item)))


def pytest_configure(config: pytest.Config) -> None:
    """Have tests that share what they have started stay together."""
    config.pluginmanager.register(SharingOut())
    # A busy machine takes its time to begin a connection. Tests of those who do not wait for one bring their own pool.
    settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 20.0
    # How long an example takes says how busy the machine is.
    hypothesis.settings.register_profile(
        "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any machine")


def _mostly_waits(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("processes") or item.get_closest_marker("browser"))


def _plays_on_the_stage(item: pytest.Item) -> bool:
    return _mostly_waits(item) and "stack" in getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing in it."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The database of the tests, emptied quickly after those that commit."""
    emptying = Emptying()

    def tear_down(case: TransactionTestCase) -> None:
        emptying.after(case)

    with pytest.MonkeyPatch.context() as django:
        django.setattr(TransactionTestCase, "_fixture_teardown", tear_down)
        yield


@pytest.fixture(scope="session", autouse=True)
def plain_static_files(empty_folder: Path) -> Iterator[None]:
    """Static files by their plain names: tests run without `collectstatic`."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    storages = {**settings.STORAGES, "staticfiles": plain}
    with override_settings(STORAGES=storages, STATIC_ROOT=str(empty_folder)):
        yield


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Hash passwords quickly, except where a process of its own, which knows only real hashes, must check them."""
    if not request.node.get_closest_marker("processes"):
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test begins as a new process does: without unwrapped data keys, and without news of outages."""
    data_keys.forget()
    incidents.forget()
    answers.silence.end()
    DatabaseWrapper.forget_vain_waits()


@pytest.fixture
def ada(db: None) -> User:
    """Ada, who owns a merchant."""
    return people.an_owner("ada@example.com", "Ada's Lamps")


@pytest.fixture
def ben(ada: User) -> User:
    """Ben, Ada's colleague."""
    return people.a_colleague("ben@example.com", ada)


@pytest.fixture
def eve(db: None) -> User:
    """Eve, who owns another merchant and is curious about Ada's."""
    return people.an_owner("eve@example.com", "Eve's Ropes")


@pytest.fixture
def olga(db: None) -> User:
    """Olga, of ops: staff with a second factor."""
    return people.an_ops_person("olga@example.com")


@pytest.fixture
def adas_merchant(ada: User) -> Merchant:
    """The merchant of Ada and Ben."""
    return people.merchant_of(ada)


@pytest.fixture
def eves_merchant(eve: User) -> Merchant:
    """The merchant of Eve."""
    return people.merchant_of(eve)


@pytest.fixture
def adas_browser(ada: User) -> Client:
    """A browser in which Ada signed in a moment ago."""
    return people.a_client_of(ada)


@pytest.fixture
def bens_browser(ben: User) -> Client:
    """A browser in which Ben signed in a moment ago."""
    return people.a_client_of(ben)


@pytest.fixture
def eves_browser(eve: User) -> Client:
    """A browser in which Eve signed in a moment ago."""
    return people.a_client_of(eve)


@pytest.fixture
def olgas_browser(olga: User) -> Client:
    """A browser in which Olga signed in a moment ago, with her second factor."""
    return people.a_client_of(olga, second_factor=True)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """A Stripe simulator in a process of its own, shared by all tests; make a new account for what must be alone."""
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process
