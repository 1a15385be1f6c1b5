"""What most tests begin with, a proven key, is what a paste and a worker's check make of a key."""

from typing import Any

import pytest
from django.apps import apps

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import AtStripe, checked, paste
from tests.stripe_keys.proven import proven

# Another key has another of these.
OF_ITS_OWN = {
    *("id", "key_id", "merchant_id", "validation_id", "requested_by_id", "added_by_id", "user_id", "lane"),
    *("actor", "claimed_by", "stripe_account_id", "stripe_key_id", "last4", "fingerprint", "data_key_id"),
    *("envelope", "wrapped"),
}


def everything() -> dict[str, list[dict[str, Any]]]:
    """What all rows say, of moments whether there is one, by model."""
    found = {}
    for model in apps.get_app_config("stripe_keys").get_models():
        rows = list(model._base_manager.values())
        found[model.__name__] = [
            {name: said(value) for name, value in row.items() if name not in OF_ITS_OWN} for row in rows
        ]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def said(value: Any) -> Any:
    return "a moment" if hasattr(value, "tzinfo") else value


@pytest.mark.parametrize("livemode", [True, False])
def test_a_proven_key_is_as_a_paste_and_its_check_leave_one(
    at_stripe: AtStripe, ada: User, eve: User, livemode: bool
) -> None:
    real = checked(paste(ada, at_stripe.bound_key(ada, livemode=livemode).token))
    by_a_worker = everything()
    written = proven(eve, at_stripe.bound_key(eve, livemode=livemode))
    both = everything()

    assert real.status == RestrictedKey.Status.ACTIVE
    for name, rows in by_a_worker.items():
        assert both[name] == sorted(rows * 2, key=repr) or name == "KekCanary", name
    assert written.stripe_key_id
