"""One simulator for all of these tests, emptied before each; a Stripe client for whoever asks."""

from collections.abc import Callable, Iterator

import pytest
import stripe

from tests.simulator import SimulatorProcess

Client = Callable[..., stripe.StripeClient]

DEFAULT_SWITCHES = {
    "error_wording": "2026",
    "connect_fanout": True,
    "related_object": False,
    "account_gate": "either",
    "api_key_write_approved": False,
    "implied_permissions": False,
    "test_events_to_live_endpoint": True,
    "return_after_install": True,
    "expire_lag_seconds": 0.0,
    "uninstall_seconds": 0.3,
    "uninstall_expires_keys": True,
    "retrieve_expired_is_404": True,
    "webhook_retry_seconds": [0.1, 0.1, 0.1],
}


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process


@pytest.fixture
def simulator(simulator_process: SimulatorProcess) -> SimulatorProcess:
    """The running simulator, empty and with its switches as they were."""
    simulator_process.admin.reset()
    simulator_process.admin.switch(**DEFAULT_SWITCHES)
    return simulator_process


@pytest.fixture
def client(simulator: SimulatorProcess) -> Client:
    """Return a function that makes a stock Stripe client for a key."""

    def make(key: str, **options: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": simulator.base_url},
            http_client=stripe.RequestsClient(timeout=10),
            max_network_retries=0,
            stripe_version=options.get("version"),
            stripe_context=options.get("context"),
        )

    return make
