"""`python -m tests.browser.seeding STRIPE`: merchants with a key in every state, in the site the environment names.

The site's own commands, worker and webhooks bring each key to its state; this only waits until they have. Prints JSON:
who owns what (`people`), and the id of the key in each state (`keys`).
"""

import json
import sys
from typing import Any

import django

from tests.browser import casting
from tests.simulator import SimulatorAdmin
from tests.waiting import eventually

SOME_RIGHTS = (
    "connected_account_read",
    "balance_read",
    "charge_read",
    "customer_read",
    "payment_intent_read",
)


class Seeding:
    """Opens merchants and brings keys, one mode and account at a time."""

    def __init__(self, stripe: SimulatorAdmin) -> None:
        self.stripe = stripe
        self.people: dict[str, dict[str, str]] = {}
        self.keys: dict[str, str] = {}

    def open(self, name: str, email: str) -> Any:
        """A merchant's first user."""
        from tests import people

        user = people.an_owner(email, name)
        self.people[name.partition("'")[0].lower()] = casting.introduced(user)
        return user

    def connect(self, user: Any, account: str, *, livemode: bool) -> str:
        """An account with the app installed, bound to the user's merchant."""
        from tests.people import merchant_of
        from tests.stripe_keys.keys import bind_account

        self.stripe.create_account(merchant_of(user).name, id=account)
        self.stripe.create_install(account, livemode=livemode)
        bind_account(user, account, livemode=livemode)
        return account

    def bring(self, user: Any, account: str, state: str, *, livemode: bool, **more: Any) -> tuple[str, Any]:
        """A key of this account, pasted, and in this state; its id at Stripe and its row here."""
        from tests.stripe_keys.keys import paste

        made = self.stripe.create_key(account, livemode=livemode, **more)
        row = paste(user, str(made["token"]))
        self.wait(row, state)
        return str(made["id"]), row

    def wait(self, row: Any, state: str) -> None:
        """Until the worker has brought the key so far; a problem's code is a state here too."""

        def is_there() -> bool:
            row.refresh_from_db()
            asked = "confirm" if row.awaits_account_confirmation else ""
            return state in (row.status, asked, "rotated" if row.is_expiring else "")

        eventually(is_there, timeout=30)
        self.keys[state] = str(row.pk)


def ada(seeding: Seeding) -> None:
    """Ada has many keys: a live one that was rotated, and test keys in every state that ends."""
    from stripe_keys import services

    user = seeding.open("Ada's Lamps", "ada@lamps.example")
    live = seeding.connect(user, "acct_1AdasLampsLive00", livemode=True)
    _, first = seeding.bring(user, live, "active", livemode=True)
    in_stripe, second = seeding.bring(user, live, "active", livemode=True)
    seeding.wait(first, "replaced")
    seeding.stripe.rotate_key(in_stripe, overlap=24 * 3600)
    seeding.wait(second, "rotated")
    test = seeding.connect(user, "acct_1AdasLampsTest00", livemode=False)
    stranger = seeding.stripe.create_account("Somebody else's shop")
    seeding.bring(user, stranger, "rejected", livemode=False)
    _, third = seeding.bring(user, test, "active", livemode=False)
    services.remove(key=third, user=user, now=third.created_at)
    seeding.wait(third, "removed")
    in_stripe, fourth = seeding.bring(user, test, "active", livemode=False)
    seeding.stripe.expire_key(in_stripe)
    seeding.wait(fourth, "expired")
    seeding.bring(user, test, "limited", livemode=False, permissions=list(SOME_RIGHTS))


def others(seeding: Seeding) -> None:
    """Other merchants: one to be asked whose account it is, one suspended, two where all is well."""
    from accounts.services import ensure_user
    from stripe_keys import services
    from tests.people import PASSWORD

    ben = seeding.open("Ben's Bakery", "ben@bakery.example")
    account = seeding.stripe.create_account("Ben's Bakery", id="acct_1BensBakeryTest0")
    seeding.bring(ben, account, "confirm", livemode=False)
    eve = seeding.open("Eve's Ropes", "eve@ropes.example")
    eves = seeding.connect(eve, "acct_1EvesRopesLive00", livemode=True)
    _, key = seeding.bring(eve, eves, "active", livemode=True)
    support = ensure_user(email="support@partner.example", password=PASSWORD)
    services.suspend(key=key, actor=support, now=key.created_at)
    seeding.keys["suspended"] = str(key.pk)
    for name, host in (("Mia's Bicycles", "bicycles"), ("Tom's Coffee", "coffee")):
        owner = seeding.open(name, f"{name.partition(chr(39))[0].lower()}@{host}.example")
        mine = seeding.connect(owner, f"acct_1{host.capitalize()}Live0000"[:21], livemode=True)
        seeding.bring(owner, mine, "active", livemode=True)


def seed(stripe_url: str) -> dict[str, Any]:
    """Everything above."""
    seeding = Seeding(SimulatorAdmin(stripe_url))
    ada(seeding)
    others(seeding)
    return {"people": seeding.people, "keys": seeding.keys}


if __name__ == "__main__":
    django.setup()
    casting.hash_quickly()
    json.dump(seed(sys.argv[1]), sys.stdout)
