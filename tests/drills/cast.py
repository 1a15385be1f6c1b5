"""`python -m tests.drills.cast STRIPE COUNT`: merchants who have each pasted a key, in the site the environment names.

Of ten keys seven are good, two lack a permission, and one is refused by Stripe. Prints JSON: by the key's id here, what
its status has to be in the end, and its id at Stripe.
"""

import json
import sys

import django

from tests.simulator import SimulatorAdmin

FATES = ("active",) * 7 + ("limited",) * 2 + ("rejected",)


def main(stripe_url: str, count: int) -> None:
    """Open `count` merchants, each with an account at Stripe, and paste a key for each."""
    from django.utils import timezone

    from accounts.models import Merchant
    from accounts.services import ensure_user
    from stripe_keys import installs, services
    from stripe_keys.models import StripeInstall
    from stripe_keys.secret import Secret
    from tests.people import PASSWORD, a_restricted_key
    from tests.stripe_keys.keys import all_but

    stripe = SimulatorAdmin(stripe_url)
    user = ensure_user(email="drills@example.com", password=PASSWORD)
    told: dict[str, dict[str, str]] = {}
    for number in range(count):
        fate = FATES[number % len(FATES)]
        account = stripe.create_account(f"Merchant {number}")
        stripe.create_install(account, livemode=True)
        lacking = ["payout_read"] if fate == "limited" else []
        made = stripe.create_key(account, livemode=True, permissions=all_but(*lacking))
        merchant = Merchant.objects.create(name=f"Merchant {number}")
        installs.bind(
            merchant=merchant,
            stripe_account_id=account,
            livemode=True,
            proof=StripeInstall.Proof.SIGNED_RETURN,
            now=timezone.now(),
        )
        token = a_restricted_key(livemode=True) if fate == "rejected" else str(made["token"])
        key = services.add_key(merchant=merchant, user=user, secret=Secret(token), now=timezone.now()).key
        told[str(key.pk)] = {"fate": fate, "at_stripe": str(made["id"])}
    print(json.dumps(told))  # noqa: T201 - what it is for


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]))
