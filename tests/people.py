"""The people of every test: Ada and Ben of one merchant, Eve of another, Olga of ops; and things they bring along."""

import secrets
import string
import time
from typing import Any

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY as AUTHENTICATED_USER,
)
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY as AUTHENTICATIONS
from allauth.account.internal.userkit import user_id_to_str
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.test import Client

from accounts.models import Membership, Merchant, User
from accounts.second_factors import set_up_totp
from accounts.services import make_staff

PASSWORD = "a fine long sentence to sign in with"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@transaction.atomic
def an_owner(email: str, merchant_name: str) -> User:
    """Somebody who has just opened a merchant of their own."""
    user = somebody(email)
    merchant = Merchant.objects.create(name=merchant_name)
    Membership.objects.create(user=user, merchant=merchant, role=Membership.Role.OWNER)
    return user


@transaction.atomic
def a_colleague(email: str, owner: User) -> User:
    """Another member of `owner`'s merchant."""
    user = somebody(email)
    Membership.objects.create(user=user, merchant=merchant_of(owner), role=Membership.Role.MEMBER)
    return user


def somebody(email: str) -> User:
    """A user as the command makes one, without its look for what is there already: most tests begin here."""
    user = User.objects.create(email=email, password=make_password(PASSWORD))
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def an_ops_person(email: str) -> User:
    """Staff with every right in the ops desk, and with an authenticator app set up."""
    user = somebody(email)
    make_staff(user=user, superuser=True)
    set_up_totp(user=user, secret=TOTP_SECRET)
    return user


def merchant_of(user: User) -> Merchant:
    """The merchant that `user` belongs to."""
    return user.membership.merchant


def a_client_of(user: User, *, seconds_ago: float = 0, second_factor: bool = False) -> Client:
    """A browser in which `user` signed in `seconds_ago`, with the second factor too if asked."""
    session = SessionStore()
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            AUTHENTICATIONS: _authentications(time.time() - seconds_ago, second_factor),
            AUTHENTICATED_USER: user_id_to_str(user),
        }
    )
    session.create()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client


def _authentications(at: float, second_factor: bool) -> list[dict[str, Any]]:
    """What allauth keeps in the session about how somebody signed in."""
    found = [{"method": "password", "at": at, "reauthenticated": True}]
    if second_factor:
        found.append({"method": "mfa", "at": at, "type": "totp", "reauthenticated": True})
    return found


def some_letters(length: int) -> str:
    """Random ASCII letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def a_restricted_key(*, livemode: bool = False) -> str:
    """A string shaped like a restricted key, made now: none is ever written down."""
    return f"rk_{'live' if livemode else 'test'}_{some_letters(99)}"


def a_secret_key(*, livemode: bool = False) -> str:
    """A string shaped like a secret key with all rights."""
    return f"sk_{'live' if livemode else 'test'}_{some_letters(99)}"


def a_signing_secret() -> str:
    """A string shaped like a webhook endpoint's signing secret."""
    return f"whsec_{some_letters(32)}"
