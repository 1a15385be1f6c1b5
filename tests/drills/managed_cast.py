"""`python -m tests.drills.managed_cast STRIPE COUNT FIRST`: merchants who have just chosen the app.

Prints JSON: the account of each.
"""

import json
import sys

import django

from tests.simulator import SimulatorAdmin


def main(stripe_url: str, count: int, first: int) -> None:
    """Open `count` merchants, each with the app on an account at Stripe, and choose the app for each."""
    from django.utils import timezone

    from accounts.services import ensure_user, open_merchant
    from stripe_keys import installs
    from stripe_keys.managed import arrangements
    from stripe_keys.models import StripeInstall
    from tests.people import PASSWORD

    stripe = SimulatorAdmin(stripe_url)
    accounts = []
    for number in range(first, first + count):
        user = ensure_user(email=f"managed{number}@example.com", password=PASSWORD)
        merchant = open_merchant(user=user, name=f"Managed {number}")
        account = stripe.create_account(f"Managed {number}")
        stripe.create_install(account, livemode=True)
        now = timezone.now()
        installs.bind(
            merchant=merchant,
            stripe_account_id=account,
            livemode=True,
            proof=StripeInstall.Proof.SIGNED_RETURN,
            now=now,
        )
        arrangements.let_app_manage(merchant=merchant, user=user, livemode=True, now=now)
        accounts.append(account)
    print(json.dumps(accounts))  # noqa: T201 - what it is for


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
