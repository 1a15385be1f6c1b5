"""What many tests begin with, a key that the app has made, is what the app's workers make of one."""

from typing import Any

from accounts.models import User
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.managed.conftest import Managed, both_modes
from tests.stripe_keys.managed.made import made
from tests.stripe_keys.test_proven import everything

# Another key has another of these.
OF_ITS_OWN = {"token", "body", "management_id", "chosen_by_id"}
# There once for the site, there before, or what Stripe tells of the app when it is asked.
NOT_MADE_ANEW = {"KekCanary", "SiteDataKey", "StripeInstall", "AppOnAccount"}
OF_ITS_OWN_AT_STRIPE = {"id", "account", "shortened", "name", "created", "last_used"}


def rows_here() -> dict[str, list[dict[str, Any]]]:
    """What all rows say, by model."""
    return {
        model: sorted(({name: row[name] for name in row if name not in OF_ITS_OWN} for row in rows), key=repr)
        for model, rows in everything().items()
    }


def at_stripe(managed: Managed) -> list[dict[str, Any]]:
    """What Stripe says of the account's keys."""
    keys = managed.at_stripe.admin.keys(managed.account)
    return [{name: key[name] for name in key if name not in OF_ITS_OWN_AT_STRIPE} for key in keys]


@both_modes
def test_a_key_that_was_made_is_as_the_apps_workers_leave_one(managed: Managed, eve: User) -> None:
    account = managed.at_stripe.admin.create_account()
    managed.at_stripe.admin.create_install(account, livemode=managed.livemode)
    bind_account(eve, account, livemode=managed.livemode)
    of_eve = Managed(eve, managed.at_stripe, account, managed.livemode)
    managed.choose_app()
    managed.work()
    by_workers = rows_here()

    made(of_eve)

    assert at_stripe(of_eve) == at_stripe(managed)
    for model, rows in rows_here().items():
        of_one = [row for row in by_workers[model] if model not in NOT_MADE_ANEW]
        assert rows == sorted(by_workers[model] + of_one, key=repr), model
