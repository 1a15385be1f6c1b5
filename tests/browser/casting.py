"""`python -m tests.browser.casting 8`: opens that many merchants in the site that the environment names, as JSON.

Journeys sign their people in through the pages; only the opening, which one journey shows in full, is done here.
"""

import json
import sys

import django


def cast(number: int) -> list[dict[str, str]]:
    """Open merchants, each with one user whose address is verified, and say who they are."""
    from tests import people

    opened = []
    for _ in range(number):
        name = people.some_letters(8).lower()
        user = people.an_owner(f"ada-{name}@example.com", "Ada's Lamps")
        merchant = str(people.merchant_of(user).pk)
        opened.append({"email": user.email, "merchant": merchant, "password": people.PASSWORD})
    return opened


if __name__ == "__main__":
    django.setup()
    json.dump(cast(int(sys.argv[1])), sys.stdout)
