"""`python -m tests.drills.inbox_cast STRIPE COUNT FIRST`: merchants, each with a key whose id at Stripe is known.

Prints JSON: for each, the account, the key's id here and its id at Stripe.
"""

import json
import sys

import django

from tests.simulator import SimulatorAdmin


def main(stripe_url: str, count: int, first: int) -> None:
    """Open `count` merchants, each with a user, an account at Stripe and a pasted key."""
    from allauth.account.models import EmailAddress
    from django.utils import timezone

    from accounts.models import User
    from accounts.services import open_merchant
    from stripe_keys import installs, services
    from stripe_keys.models import RestrictedKey, StripeInstall
    from stripe_keys.secret import Secret

    stripe = SimulatorAdmin(stripe_url)
    told: list[dict[str, str]] = []
    for number in range(first, first + count):
        user = User.objects.create_user(f"inbox{number}@example.com")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        merchant = open_merchant(user=user, name=f"Inbox {number}")
        account = stripe.create_account(f"Inbox {number}")
        made = stripe.create_key(account, livemode=True)  # before the install, so that no event tells of it
        stripe.create_install(account, livemode=True)
        installs.bind(
            merchant=merchant,
            stripe_account_id=account,
            livemode=True,
            proof=StripeInstall.Proof.SIGNED_RETURN,
            now=timezone.now(),
        )
        key = services.add_key(
            merchant=merchant, user=user, secret=Secret(str(made["token"])), now=timezone.now()
        ).key
        RestrictedKey.objects.filter(pk=key.pk).update(stripe_key_id=made["id"])
        told.append({"account": account, "key": str(key.pk), "at_stripe": str(made["id"])})
    print(json.dumps(told))  # noqa: T201 - what it is for


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
