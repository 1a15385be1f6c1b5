"""A receiver that the settings name, and keys to tell it of."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import RestrictedKey
from stripe_keys.outgoing import delivery
from tests.stripe_keys.outgoing.receiver import Receiver, receiving
from tests.stripe_keys.rows import a_key


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """The partner's ledger system, configured under the name `ledger`."""
    with receiving() as listening:
        settings.PARTNER_WEBHOOKS = [f"ledger={listening.url}"]
        settings.PARTNER_WEBHOOK_SECRETS = [f"ledger:{listening.secret}"]
        delivery._room.cache_clear()
        yield listening
        delivery._room.cache_clear()


@pytest.fixture
def secret(receiver: Receiver) -> str:
    """What signs for the receiver."""
    return receiver.secret


@pytest.fixture
def key(transactional_db: None, ada: User) -> RestrictedKey:
    """An active key of Ada's."""
    return a_key(ada, stripe_key_id="mk_1OfAda")
