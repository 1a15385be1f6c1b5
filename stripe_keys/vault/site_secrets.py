"""Secrets of the site itself rather than of a merchant, as text for a column that others own (a second factor)."""

import base64
import binascii

from django.conf import settings

from stripe_keys.models import SiteDataKey
from stripe_keys.vault import data_keys
from stripe_keys.vault.envelopes import length_prefixed, lock, unlock, version_of
from stripe_keys.vault.errors import WillNotOpen

PREFIX = "site:"


def encrypt_site_secret(purpose: str, text: str) -> str:
    """`text` encrypted under the site's data key, as ASCII; `purpose` and the environment are authenticated.

    Raises:
        VaultError: the configured keys are unusable, or their service is away.
    """
    row = data_keys.newest_of_site()
    envelope = lock(data_keys.unwrapped(row), row.version, text.encode(), _associated_data(purpose))
    return PREFIX + base64.b64encode(envelope).decode()


def decrypt_site_secret(purpose: str, stored: str) -> str:
    """What `encrypt_site_secret` was given.

    Raises:
        WillNotOpen: altered, of another purpose, or its data key is gone.
        KeyEncryptionKeyMissing, WrongKeyEncryptionKey, KeyServiceAway: nothing is wrong with the text.
    """
    return _opened(purpose, stored)[1]


def verify_site_secret(purpose: str, stored: str) -> str:
    """Prove that `stored` opens and let go of the text; the id of the key-encryption key that it hangs on.

    Raises as `decrypt_site_secret`.
    """
    return _opened(purpose, stored)[0].kek_id


def _opened(purpose: str, stored: str) -> tuple[SiteDataKey, str]:
    try:
        envelope = base64.b64decode(stored.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WillNotOpen("This is not an envelope.") from None
    row = SiteDataKey.objects.filter(version=version_of(envelope)).first()
    if row is None:
        raise WillNotOpen("The site's data key of this secret is gone.")
    return row, unlock(data_keys.unwrapped(row), envelope, _associated_data(purpose)).decode()


def _associated_data(purpose: str) -> bytes:
    return length_prefixed(b"site", purpose.encode(), settings.SITE_ENVIRONMENT.encode())
