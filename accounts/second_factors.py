"""Setting up a second factor for somebody who is not in front of a browser (a new site's first staff)."""

import base64
import binascii

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.db import transaction

from accounts.models import User


class UnusableTotpSecret(ValueError):
    """The secret is not base32 of at least 16 bytes; authenticator apps would refuse it."""


@transaction.atomic
def set_up_totp(*, user: User, secret: str) -> None:
    """Make `secret` (base32) the user's authenticator app, with recovery codes; a secret that is set already stays."""
    secret = _checked(secret)
    present = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if present is not None and decrypt(present.data["secret"]) == secret:
        return
    if present is not None:
        present.delete()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)


def _checked(secret: str) -> str:
    secret = secret.replace(" ", "").upper()
    try:
        raw = base64.b32decode(secret)
    except binascii.Error:
        raise UnusableTotpSecret("The TOTP secret is not base32.") from None
    if len(raw) < 16:
        raise UnusableTotpSecret("The TOTP secret is shorter than 16 bytes.")
    return secret
