"""A receiver that the settings name, and keys to tell it of."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import OutgoingMessage, RestrictedKey
from stripe_keys.outgoing import delivery
from tests.stripe_keys.outgoing.receiver import Receiver, a_secret, receiving
from tests.stripe_keys.rows import a_key


@pytest.fixture
def secret() -> str:
    """What signs for the receiver."""
    return a_secret()


@pytest.fixture
def receiver(settings: Settings, secret: str) -> Iterator[Receiver]:
    """The partner's ledger system, configured under the name `ledger`."""
    with receiving() as listening:
        settings.PARTNER_WEBHOOKS = [f"ledger={listening.url}"]
        settings.PARTNER_WEBHOOK_SECRETS = [f"ledger:{secret}"]
        delivery._room.cache_clear()
        yield listening
        delivery._room.cache_clear()


@pytest.fixture
def key(transactional_db: None, ada: User) -> RestrictedKey:
    """An active key of Ada's."""
    return a_key(ada, stripe_key_id="mk_1OfAda")


def messages() -> list[OutgoingMessage]:
    """Every message, in the order in which they were written."""
    return list(OutgoingMessage.objects.order_by("pk"))
