"""An event about an old secret key that its merchant has named: from Stripe's side to the record of its end."""

import pytest

from accounts.models import User
from stripe_keys import secret_key_migration
from stripe_keys.models import SecretKeyMigration
from tests.people import merchant_of
from tests.stripe_keys.keys import StripeKey
from tests.webhooks.arrivals import Arrivals

EXPIRED = "v2.iam.api_key.expired"


@pytest.fixture
def old_key(ada: User, theirs: StripeKey, arrivals: Arrivals) -> str:
    """The id of a secret key of Ada's account, which she has named."""
    made = arrivals.admin.create_key(theirs.account, kind="secret")
    secret_key_migration.name_key(
        merchant=merchant_of(ada), livemode=False, last4=made["token"][-4:], stripe_key_id=made["id"]
    )
    return str(made["id"])


def test_end_of_the_named_key_is_recorded_with_its_event(
    theirs: StripeKey, old_key: str, arrivals: Arrivals
) -> None:
    arrivals.admin.expire_key(old_key, lag=0)

    event = arrivals.of(EXPIRED, theirs.account)

    row = SecretKeyMigration.objects.get()
    assert (event.outcome, event.stripe_key_id) == ("applied", old_key)
    assert (row.proof, row.event_id) == ("event", event.event_id)
    assert row.retired_at == event.reported_at


def test_what_stripe_does_not_show_proves_nothing(
    theirs: StripeKey, old_key: str, arrivals: Arrivals
) -> None:
    arrivals.admin.switch(related_object=True)
    arrivals.admin.add_fault("unauthorized", path="/v2/core/events/", times=None)
    try:
        arrivals.admin.expire_key(old_key, lag=0)
        event = arrivals.of(EXPIRED, theirs.account)
    finally:
        arrivals.admin.clear_faults()

    assert event.outcome_note == "not_fetched"
    assert not SecretKeyMigration.objects.get().is_retired
