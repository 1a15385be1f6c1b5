"""The approved app at the key endpoint, with a key pair to have secrets encrypted for."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import stripe
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.jwk import RSAKey

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client

VERSION = "2026-04-22.preview"
PATH = "/v2/iam/api_keys"
LABEL = "our-own-label"


@cache
def a_pair(bits: int = 2048) -> RSAPrivateKey:
    """The same at each call, since making one takes long."""
    return generate_private_key(public_exponent=65537, key_size=bits)


def pem_of(pair: RSAPrivateKey) -> str:
    return pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_key(data: str = "", *, algorithm: str = "RSA") -> Json:
    """What is sent as `public_key`."""
    return {"id": LABEL, "pem_key": {"algorithm": algorithm, "data": data or pem_of(a_pair())}}


def opened(encrypted: Json) -> str:
    """The text in an `encrypted_secret`, by the two algorithms that Stripe may use and no other."""
    found = jwe.decrypt_compact(
        encrypted["ciphertext"],
        RSAKey.import_key(a_pair()),
        algorithms=["RSA-OAEP", "RSA-OAEP-256", "A256GCM"],
    )
    assert found.plaintext is not None
    return found.plaintext.decode()


@dataclass
class App:
    """Calls as the app on one account in one mode."""

    simulator: SimulatorProcess
    client: Client
    account: str
    livemode: bool

    def ask(self, method: str, path: str = "", **body: Any) -> Json:
        """Call below the endpoint; options such as `idempotency_key` go with the fields."""
        token = self.simulator.platform_keys["live" if self.livemode else "test"]
        caller = self.client(token, version=VERSION, context=self.account)
        answer: Json = caller.raw_request(method, PATH + path, **body).data
        return answer

    def create(self, **fields: Any) -> Json:
        """A restricted key, encrypted for our pair in live mode."""
        given = {"type": "secret_key", "permissions": ["charge_read"], **fields}
        if self.livemode:
            given.setdefault("public_key", public_key())
        return self.ask("post", **given)

    def works(self, token: str) -> bool:
        """Whether Stripe takes the key."""
        try:
            self.client(token).v1.customers.list()
        except stripe.PermissionError:
            return True
        except stripe.AuthenticationError:
            return False
        return True

    def refusal(self, method: str, path: str = "", **body: Any) -> tuple[int | None, str]:
        """The status and the sentence that a call is refused with."""
        with pytest.raises(stripe.StripeError) as caught:
            self.ask(method, path, **body)
        return caught.value.http_status, str(caught.value.user_message)


def an_app(simulator: SimulatorProcess, client: Client, *, livemode: bool) -> App:
    """Approved, and installed on a new account."""
    simulator.admin.switch(api_key_write_approved=True)
    account = simulator.admin.create_account("Ada's shop")
    simulator.admin.create_install(account, livemode=livemode)
    return App(simulator, client, account, livemode)
