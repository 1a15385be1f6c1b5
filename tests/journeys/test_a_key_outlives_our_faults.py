"""A pasted key is checked in the end, whatever happens to our own processes meanwhile."""

import signal

import psycopg
import pytest
from playwright.sync_api import Page, expect

from local_stack.processes import Stack
from tests.browser import on_the_site as site
from tests.browser.stage import Cast
from tests.simulator import Json, SimulatorAdmin
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def key(page: Page, cast: Cast, at_stripes: SimulatorAdmin) -> Json:
    """A key that Stripe knows; Ada, who has confirmed its account, is about to paste it."""
    account = at_stripes.create_account("Ada's Lamps")
    site.be_signed_in(page, cast.owner())
    site.paste(page, str(at_stripes.create_key(account)["token"]))
    page.get_by_role("button", name="Yes, it is ours").click()
    site.expect_key_to_be(page, "Active")
    return at_stripes.create_key(account)


def let_lease_run_out(stack: Stack, page: Page) -> None:
    """Do what a minute of waiting does: the check of the key on this page, which the dead worker held, is free."""
    key = page.url.rstrip("/").rpartition("/")[2]
    free = "UPDATE stripe_keys_validation SET lease_until = now() WHERE state = 'claimed' AND key_id = %s"
    with psycopg.connect(stack.servers.database_url) as connection:
        assert connection.execute(free, [key]).rowcount == 1


def test_a_check_whose_worker_is_killed_is_done_by_the_next(
    page: Page, key: Json, stack: Stack, at_stripes: SimulatorAdmin
) -> None:
    # Other keys, her first one too, may be checked at any moment.
    at_stripes.add_fault("hang", key=key["id"], path="/v1/payouts", seconds=30)
    site.paste(page, str(key["token"]))
    expect(page.locator(".check--granted")).to_have_count(11)  # in the middle of it
    assert at_stripes.faults() == []

    stack.kill("worker", signal.SIGKILL)
    let_lease_run_out(stack, page)

    site.expect_key_to_be(page, "Active")
    stack.wait_until_ready("worker")


def test_a_key_pasted_while_redis_is_away_is_checked_all_the_same(
    page: Page, key: Json, stack: Stack
) -> None:
    stack.stop_process("redis")
    try:
        site.paste(page, str(key["token"]))
        site.expect_key_to_be(page, "Active")
    finally:
        stack.start_process("redis")


def test_a_key_pasted_while_no_worker_runs_is_checked_by_the_first_that_does(
    page: Page, key: Json, stack: Stack
) -> None:
    stack.stop_process("worker")
    site.paste(page, str(key["token"]))
    expect(site.pill(page)).to_have_text("Being checked")
    eventually(lambda: page.evaluate("performance.getEntriesByType('resource').length"))

    stack.start_process("worker")

    site.expect_key_to_be(page, "Active")
