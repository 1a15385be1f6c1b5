"""Keys are pasted wherever somebody could, and made by the app, while everything fails; their text is found nowhere.

Twice: as the site runs, and with DEBUG on, where Django shows its errors to whoever makes them.
"""

import pytest

from local_stack.processes import Stack
from tests.browser.stage import stack_in_a_folder_of_its_own
from tests.journeys import failures, made_by_the_app, surfaces
from tests.journeys.hunt import Hunt, hunting
from tests.stripe_keys.outgoing.receiver import Receiver
from tests.waiting import eventually

pytestmark = pytest.mark.processes


def paste_everywhere_while_everything_fails(hunt: Hunt) -> None:
    page = surfaces.paste_well(hunt)
    refused = failures.stripe_quotes_the_key(hunt)
    surfaces.paste_badly(hunt)
    surfaces.send_elsewhere(hunt)
    surfaces.send_as_an_event(hunt)
    surfaces.ask_at_the_desk(hunt)
    hunt.wait_for(refused, "This key is not in use")  # Stripe was asked twice
    hunt.stripe.clear_faults()
    failures.stripe_fails(hunt, page)
    failures.broker_is_killed(hunt)
    if not hunt.debug:  # who is killed says nothing, with DEBUG or without it
        failures.web_worker_is_killed(hunt)
    failures.database_goes_away(hunt)
    surfaces.ask_the_leak_desk(hunt)
    failures.statements_fail(hunt)
    made_by_the_app.make_renew_and_end(hunt)
    eventually(lambda: hunt.told() >= {"restricted_key.active", "restricted_key.rejected"}, timeout=30)


def test_a_pasted_key_is_found_nowhere(stack: Stack, partner: Receiver) -> None:
    with hunting(stack, partner) as hunt:
        paste_everywhere_while_everything_fails(hunt)

    assert "\n".join(hunt.hits()) == ""


def test_a_pasted_key_is_found_nowhere_with_debug_on(partner: Receiver) -> None:
    wishes = {"DEBUG": "true", "KEY_CONFIRM_DEAD_AFTER_SECONDS": "1", **partner.environment}
    with stack_in_a_folder_of_its_own(**wishes) as stack:  # type: ignore[arg-type] # `durable` is not among them
        with hunting(stack, partner) as hunt:
            assert "DEBUG = True" in hunt.stranger.get("/no/such/page/").text
            paste_everywhere_while_everything_fails(hunt)

        assert "\n".join(hunt.hits()) == ""
