"""How the second factor's secrets are kept: encrypted by the vault, like every other secret of the site."""

import logging
from collections.abc import Callable
from functools import partial
from traceback import walk_tb
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = logging.getLogger(__name__)
_PURPOSE = "second-factor"
_LOST = "Your second factor cannot be read. Ask another member of ops to reset it."
_READERS = ("allauth.mfa.totp.internal.auth", "allauth.mfa.recovery_codes.internal.auth")
_AWAY = "Your second factor cannot be checked at this moment. Please try again in a few minutes."


class SecondFactorUnreadable(ValidationError):
    """A stored secret of a second factor could not be opened; the message is for its owner.

    As a ValidationError it becomes an error of the form that asked for a code.
    """


class EncryptedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """allauth's adapter, with TOTP secrets and recovery seeds encrypted before they reach the database."""

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted for storage."""
        # The vault reads the settings that name this module, so it is imported only here.
        from stripe_keys.vault import encrypt_site_secret

        return encrypt_site_secret(_PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given.

        Raises:
            SecondFactorUnreadable: it does not open, or not now.
        """
        from stripe_keys.vault import KeyServiceAway, VaultError, decrypt_site_secret

        if not isinstance(encrypted_text, str):  # the column is JSON, which takes anything
            log.critical("a second factor does not open", extra={"code": "NoText"})
            raise SecondFactorUnreadable(_LOST)
        try:
            return decrypt_site_secret(_PURPOSE, encrypted_text)
        except KeyServiceAway:
            log.critical("a second factor cannot be checked: the key service is away")
            raise SecondFactorUnreadable(_AWAY) from None
        except VaultError as problem:
            log.critical("a second factor does not open", extra={"code": type(problem).__name__})
            raise SecondFactorUnreadable(_LOST) from None


class UnreadableSecondFactors:
    """Middleware: where a page would show what cannot be read, it says so instead, with status 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing but the page."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for what cannot be read or lacks a part; no business of other exceptions."""
        if isinstance(exception, SecondFactorUnreadable):
            problem = exception.messages[0]
        elif _lacks_a_part(exception):
            log.critical("a second factor does not open", extra={"code": type(exception).__name__})
            problem = _LOST
        else:
            return None
        return render(request, "mfa/unreadable.html", {"problem": problem}, status=409)


def _lacks_a_part(exception: Exception) -> bool:
    """Whether allauth itself stumbled over what a stored second factor holds, or does not hold."""
    if not isinstance(exception, KeyError | TypeError | AttributeError):
        return False
    modules = [frame.f_globals.get("__name__") for frame, _ in walk_tb(exception.__traceback__)]
    return bool(modules) and modules[-1] in _READERS


def register_for_audit() -> None:
    """Have the vault's audit open the second factors too."""
    from stripe_keys import audit

    audit.register(audit.Kind("second_factor", "second_factor", _stored_after))


def _stored_after(position: Any, limit: int) -> list[Any]:
    from allauth.mfa.models import Authenticator

    from stripe_keys import audit

    rows = Authenticator.objects.filter(pk__gt=position or 0).order_by("pk")[:limit]
    return [
        audit.Stored(row.pk, str(row.pk), partial(_verify, row.data), service="second_factor") for row in rows
    ]


def _verify(data: dict[str, Any]) -> str:
    """Open every secret of an authenticator; the key-encryption key of the first."""
    from stripe_keys.vault import WillNotOpen, verify_site_secret

    migrated = data.get("migrated_codes") or [] if isinstance(data, dict) else None
    if not isinstance(migrated, list):
        raise WillNotOpen("This authenticator is not what it should be.")
    stored = [data[name] for name in ("secret", "seed") if name in data] + migrated
    if not stored or not all(isinstance(text, str) for text in stored):
        raise WillNotOpen("This authenticator has no secret.")
    kek_ids = [verify_site_secret(_PURPOSE, text) for text in stored]
    return kek_ids[0]
