"""One simulator for all of these tests, emptied before each; a Stripe client for whoever asks."""

from collections.abc import Callable, Iterator

import pytest
import stripe

from tests.postbox import Postbox, open_postbox
from tests.simulator import SimulatorProcess, secret_like

Client = Callable[..., stripe.StripeClient]

THIN_SECRET = secret_like("whsec_")
SNAPSHOT_SECRET = secret_like("whsec_")


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """Of these tests alone: they leave it with whatever they have made of it, and its clock days ahead."""
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as process:
        yield process


@pytest.fixture
def simulator(simulator_process: SimulatorProcess) -> SimulatorProcess:
    """The running simulator, empty and with its switches as they were."""
    simulator_process.admin.reset()
    simulator_process.reset_switches()
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


@pytest.fixture
def thin(simulator: SimulatorProcess) -> Iterator[Postbox]:
    """A postbox for thin notifications of both modes."""
    with open_postbox() as box:
        simulator.admin.put_endpoint("ed_thin", box.url, payload="thin", secrets=[THIN_SECRET])
        yield box
        simulator.admin.put_endpoint("ed_thin", box.url, disabled=True)


@pytest.fixture
def snapshots(simulator: SimulatorProcess) -> Iterator[Postbox]:
    """A postbox for snapshots, live endpoint only."""
    with open_postbox() as box:
        simulator.admin.put_endpoint(
            "we_live", box.url, payload="snapshot", mode="live", secrets=[SNAPSHOT_SECRET]
        )
        yield box
        simulator.admin.put_endpoint("we_live", box.url, payload="snapshot", disabled=True)


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    """Ada's shop, where the app is installed in test mode."""
    account = simulator.admin.create_account("Ada's shop")
    simulator.admin.create_install(account)
    return account
