"""A merchant whose keys the app may make: installed, approved, and offered by the partner in both modes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import cycle

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys.managed import arrangements
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from stripe_keys.vault import delivery_keys
from tests.people import merchant_of
from tests.stripe_keys.keys import AtStripe, bind_account
from tests.stripe_keys.managed.made import made
from tests.stripe_keys.managed.moments import let_pass
from work import engine


@dataclass
class Managed:
    """Ada's account at Stripe, and what the app does for it here."""

    ada: User
    at_stripe: AtStripe
    account: str
    livemode: bool

    def choose_app(self) -> KeyManagement:
        """As Ada does on the page."""
        return arrangements.let_app_manage(
            merchant=merchant_of(self.ada), user=self.ada, livemode=self.livemode, now=timezone.now()
        )

    def work(self) -> None:
        """Let a worker do everything that is due: keys are made, proven, and old ones ended."""
        for queue in ("mintings", "validations", "retirements"):
            engine.drain(queue)

    def key(self) -> RestrictedKey:
        """The key in use."""
        return RestrictedKey.objects.usable().get(livemode=self.livemode)

    def minting(self) -> Minting:
        """The latest one."""
        return Minting.objects.latest("pk")

    def work_later(self) -> None:
        """The same when everything that waits is due."""
        for rows in (Minting, Retirement):
            rows.objects.filter(state="waiting").update(due_at=Now())
        self.work()

    def token_at_stripe(self) -> str:
        """The text of the one key that the account has at Stripe."""
        (key,) = self.at_stripe.admin.keys(self.account)
        return self.at_stripe.admin.reveal_key(str(key["id"]))

    def living_at_stripe(self) -> set[str]:
        """The ids of the account's keys that live at Stripe."""
        keys = self.at_stripe.admin.items(f"/keys?account={self.account}")
        return {str(key["id"]) for key in keys if key["status"] == "active"}

    def asked(self, path: str = "/v2/iam/api_keys") -> list[str]:
        """Methods of the calls that Stripe has had to paths that begin so, on this account."""
        return [
            str(call["method"]) for call in self.at_stripe.admin.requests(path=path, account=self.account)
        ]


@pytest.fixture
def livemode(request: pytest.FixtureRequest) -> bool:
    """Test mode, unless the module's LIVEMODE, or a test by `both_modes`, says otherwise."""
    return bool(getattr(request.module, "LIVEMODE", False))


both_modes = pytest.mark.parametrize("livemode", [False, True], ids=["test", "live"])


@cache
def a_pair(number: int) -> RSAPrivateKey:
    """The RSA pairs of this session, each made when it is first asked for: that takes a tenth of a second."""
    return generate_private_key(65537, 3072)


# It looks for a tenth of a second whether a pair is sound.
_loaded_once = cache(load_der_private_key)


@pytest.fixture(autouse=True)
def quick_pairs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the pairs of this session in turns, except where a process of its own makes them."""
    if not request.node.get_closest_marker("processes"):
        turns = cycle([0, 1])
        monkeypatch.setattr(delivery_keys, "generate_private_key", lambda **_: a_pair(next(turns)))
        monkeypatch.setattr(delivery_keys, "load_der_private_key", _loaded_once)


@pytest.fixture
def managed(
    ada: User, at_stripe: AtStripe, app_known_by_id: None, settings: Settings, livemode: bool
) -> Managed:
    """Ada's account, with the app on it and approved; nobody has chosen yet."""
    settings.MANAGED_KEYS = ["live", "test"]
    at_stripe.admin.switch(api_key_write_approved=True, expire_lag_seconds=0)
    account = at_stripe.admin.create_account()
    at_stripe.admin.create_install(account, livemode=livemode)
    bind_account(ada, account, livemode=livemode)
    return Managed(ada, at_stripe, account, livemode)


@pytest.fixture
def key(managed: Managed) -> RestrictedKey:
    """The app's first key, in use for a while."""
    key = made(managed)
    let_pass(timedelta(hours=2))
    return key


@pytest.fixture
def time_passes(at_stripe: AtStripe) -> Iterator[Callable[[timedelta], None]]:
    """Puts Stripe's clock forward; afterwards it is right again, and Stripe knows nobody."""
    yield lambda time: at_stripe.admin.advance(time.total_seconds())
    at_stripe.admin.reset()
