"""The app's clients of Stripe's alpha library, unmodified, for a simulator that runs already."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
import stripe
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.jwk import RSAKey

from tests.postbox import Postbox, open_postbox
from tests.simulator import SimulatorAdmin, secret_like

SIMULATOR = "SIMULATOR_FOR_ALPHA_SDK"
"""Variable with {url, keys: {live, test}}, as JSON."""


@dataclass
class App:
    """The approved app on one account in one mode."""

    admin: SimulatorAdmin
    keys: dict[str, str]
    account: str
    livemode: bool
    pair: RSAPrivateKey = field(repr=False)

    @cached_property
    def client(self) -> stripe.StripeClient:
        """The library sends its own preview version."""
        return stripe.StripeClient(
            self.keys["live" if self.livemode else "test"],
            base_addresses={"api": self.admin.base_url},
            stripe_context=self.account,
            max_network_retries=0,
        )

    @property
    def public_key(self) -> Any:
        """What `create` and `rotate` take; to the library two types."""
        pem = self.pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {"id": "label", "pem_key": {"algorithm": "RSA", "data": pem.decode()}}

    def opened(self, ciphertext: str) -> str:
        """The key in a delivery."""
        algorithms = ["RSA-OAEP", "RSA-OAEP-256", "A256GCM"]
        found = jwe.decrypt_compact(ciphertext, RSAKey.import_key(self.pair), algorithms=algorithms)
        assert found.plaintext is not None
        return found.plaintext.decode()

    def works(self, token: str) -> bool:
        """Whether Stripe takes the key."""
        caller = stripe.StripeClient(token, base_addresses={"api": self.admin.base_url})
        try:
            caller.v1.charges.list({"limit": 1})
        except stripe.AuthenticationError:
            return False
        return True


@pytest.fixture(scope="session")
def pair() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(params=[False, True], ids=["test", "live"])
def app(request: pytest.FixtureRequest, pair: RSAPrivateKey) -> App:
    """Installed on an account of its own."""
    told = json.loads(os.environ[SIMULATOR])
    admin = SimulatorAdmin(told["url"])
    account = admin.create_account("Ada's shop")
    admin.create_install(account, livemode=request.param)
    return App(admin, told["keys"], account, request.param, pair)


@pytest.fixture
def secret() -> str:
    """What the postbox's letters are signed with."""
    return secret_like("whsec_")


@pytest.fixture
def postbox(app: App, secret: str) -> Iterator[Postbox]:
    """Takes thin notifications of both modes."""
    with open_postbox() as box:
        app.admin.put_endpoint("ed_alpha", box.url, payload="thin", secrets=[secret])
        yield box
        app.admin.put_endpoint("ed_alpha", box.url, disabled=True)
