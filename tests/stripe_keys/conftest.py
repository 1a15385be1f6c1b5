"""A Stripe for every test of this folder that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from stripe_keys import app_pace, gateway, usage
from tests.simulator import SimulatorProcess
from tests.stripe_keys.keys import AtStripe


@pytest.fixture
def at_stripe(simulator: SimulatorProcess, settings: Settings, transactional_db: None) -> Iterator[AtStripe]:
    """Stripe's side, with the site's settings pointing at it. Rows are committed, as a worker needs them."""
    settings.STRIPE_API_BASE = simulator.base_url
    settings.STRIPE_RATE_TEST = settings.STRIPE_RATE_LIVE = 1e6  # tests of the pace set it themselves
    settings.KEY_SHORTEST_CHECK_SECONDS = 0  # as do those of what shows how soon
    settings.KEY_EVENT_SPACING_SECONDS = 0  # and those of what happens in between
    settings.STRIPE_PLATFORM_KEY_LIVE = simulator.platform_keys["live"]
    settings.STRIPE_PLATFORM_KEY_TEST = simulator.platform_keys["test"]
    usage.forget()
    app_pace.forget()
    yield AtStripe(simulator)
    usage.forget()  # while the tables are emptied nobody may write
    simulator.admin.clear_faults()
    simulator.reset_switches()


@pytest.fixture
def app_may_read_keys(at_stripe: AtStripe) -> None:
    """Stripe has approved the app for `api_key_write`, so key details can be read."""
    at_stripe.admin.switch(api_key_write_approved=True)


@pytest.fixture
def app_known_by_id(settings: Settings, simulator: SimulatorProcess) -> None:
    """The app's `app_…` id is configured, so that the App Installs API can be asked."""
    settings.STRIPE_APP_OBJECT_ID = "app_1SimulatedPartnerApp"


@pytest.fixture
def brief_patience(settings: Settings) -> Iterator[None]:
    """Half a second of waiting for Stripe instead of ten."""
    settings.STRIPE_TIMEOUT_SECONDS = 0.5
    gateway.forget_connections()
    yield
    gateway.forget_connections()


@pytest.fixture
def ledger_path(tmp_path: Path, settings: Settings) -> Path:
    """The deletion ledger of this test alone; there is no file yet."""
    path = tmp_path / "ledger.jsonl"
    settings.DELETION_LEDGER = str(path)
    return path
