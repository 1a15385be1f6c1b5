"""Whatever happens at Stripe, and whatever becomes of its deliveries: after a reconciliation we know the truth."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from tests.stripe_keys.keys import AtStripe
from tests.webhooks.histories import History


@pytest.fixture
def impatient(settings: Settings) -> None:
    """No waiting between two looks at a key, and no limit to pastes or to refusals by Stripe."""
    settings.KEY_CONFIRM_DEAD_AFTER_SECONDS = 0
    settings.KEY_EXPIRY_LAG_SECONDS = 0
    settings.KEY_BRAKE_ACCOUNTS = 10_000
    settings.RECONCILE_REQUESTS_PER_SECOND = 1e6
    settings.PASTE_LIMIT_PER_HOUR = settings.PASTE_LIMIT_PER_DAY = 10_000


def test_in_the_end_we_know_what_is_true_at_stripe(
    at_stripe: AtStripe, app_known_by_id: None, impatient: None
) -> None:
    class OurHistory(History):
        admin = at_stripe.admin

    at_stripe.admin.add_treatment(hold=True, times=None)
    try:
        run_state_machine_as_test(
            OurHistory,
            settings=settings(
                max_examples=15,
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        at_stripe.admin.ask("DELETE", "/treatments")
        at_stripe.admin.reset()  # what is still held back would be sent where others release theirs
