"""`python -m tests.browser.casting 8`: opens that many merchants in the site that the environment names, as JSON.

Opening an account and signing in, which some journeys show in full, are done here for all others.
"""

import json
import sys
from typing import Any

import django
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

# Keys may be pasted for some minutes after one has signed in; it may be later when the last of a cast comes on.
_SIGNED_IN_SECONDS_AGO = -3600.0


def hash_quickly() -> None:
    """Let no time go into the hashes of passwords; the site makes a real one of each when it is first used."""
    PBKDF2PasswordHasher.iterations = 1


def cast(number: int) -> list[dict[str, str]]:
    """Open merchants, each with one user whose address is verified and who is signed in, and say who they are."""
    from tests import people

    opened = []
    for _ in range(number):
        name = people.some_letters(8).lower()
        opened.append(introduced(people.an_owner(f"ada-{name}@example.com", "Ada's Lamps")))
    return opened


def introduced(user: Any) -> dict[str, str]:
    """Who an owner is, as a test's `Person` wants to know it."""
    from tests import people

    browser = people.a_client_of(user, seconds_ago=_SIGNED_IN_SECONDS_AGO)
    return {
        "email": user.email,
        "merchant": str(people.merchant_of(user).pk),
        "password": people.PASSWORD,
        "session": browser.cookies[settings.SESSION_COOKIE_NAME].value,
    }


if __name__ == "__main__":
    django.setup()
    hash_quickly()
    json.dump(cast(int(sys.argv[1])), sys.stdout)
