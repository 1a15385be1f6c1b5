"""Second factors without a browser: set up for a new site's first staff, reset for whoever has lost theirs."""

import base64
import binascii
import logging
from uuid import uuid4

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.notices import tell_ops

log = logging.getLogger(__name__)


class UnusableTotpSecret(ValueError):
    """The secret is not base32 of at least 16 bytes; authenticator apps would refuse it."""


@transaction.atomic
def set_up_totp(*, user: User, secret: str) -> None:
    """Make `secret` (base32) the user's authenticator app, with recovery codes; a secret that is set already stays."""
    secret = _checked(secret)
    present = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if present is not None and _text_of(present) == secret:
        return
    if present is not None:
        present.delete()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)


@transaction.atomic
def reset(*, user: User) -> int:
    """Remove the user's authenticators and end all their sessions; how many authenticators there were.

    Whoever knows the password sets up the next one, so ops are told by mail.
    """
    User.objects.select_for_update().get(pk=user.pk)
    count: int = Authenticator.objects.filter(user=user).count()
    Authenticator.objects.filter(user=user).delete()
    _end_sessions(user)
    tell_ops(
        subject="A second factor was reset",
        body=f"The second factor of {user.email} was removed by a command on the server, and their sessions were"
        " ended. At the next sign-in they set up a new one with their password alone.\n\nIf nobody of you did this,"
        " lock the account and find out who has access to the server.",
        dedupe_key=f"second-factor-reset:{user.pk}:{uuid4()}",
    )
    log.warning("a second factor was reset", extra={"kind": "second factor"})
    return count


def _end_sessions(user: User) -> None:
    """Sessions say whose they are in their encoded text only, so each is looked at."""
    UserSession.objects.filter(user=user).delete()
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def _text_of(authenticator: Authenticator) -> str | None:
    """The authenticator's secret; None where it cannot be read any more."""
    try:
        return str(decrypt(authenticator.data.get("secret")))
    except ValidationError:
        return None


def _checked(secret: str) -> str:
    secret = secret.replace(" ", "").upper()
    try:
        raw = base64.b32decode(secret)
    except binascii.Error:
        raise UnusableTotpSecret("The TOTP secret is not base32.") from None
    if len(raw) < 16:
        raise UnusableTotpSecret("The TOTP secret is shorter than 16 bytes.")
    return secret
