"""`python -m tests.journeys.hunters`: Ada with a merchant, and Olga of ops, in the site that the environment names."""

import json
import sys

import django

from tests.browser.casting import hash_quickly


def appear() -> dict[str, str]:
    """Make both, and say who they are."""
    from tests import people

    name = people.some_letters(8).lower()
    ada = people.an_owner(f"ada-{name}@example.com", "Ada's Lamps")
    olga = people.an_ops_person(f"olga-{name}@example.com")
    return {
        "ada": ada.email,
        "merchant": str(people.merchant_of(ada).pk),
        "olga": olga.email,
        "password": people.PASSWORD,
        "totp_secret": people.TOTP_SECRET,
    }


if __name__ == "__main__":
    django.setup()
    hash_quickly()
    json.dump(appear(), sys.stdout)
