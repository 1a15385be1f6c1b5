"""A pasted key is checked in the end, whatever happens to our own processes meanwhile."""

import signal

import psycopg
import pytest
from playwright.sync_api import Page, expect

from local_stack.processes import Stack
from tests.browser import on_the_site as site
from tests.browser.stage import Cast
from tests.simulator import SimulatorAdmin
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def key(page: Page, cast: Cast, at_stripes: SimulatorAdmin) -> str:
    """A key that Stripe knows; Ada, who has confirmed its account, is about to paste it."""
    account = at_stripes.create_account("Ada's Lamps")
    site.sign_in(page, cast.owner())
    site.paste(page, str(at_stripes.create_key(account)["token"]))
    page.get_by_role("button", name="Yes, it is ours").click()
    site.expect_key_to_be(page, "Active")
    return str(at_stripes.create_key(account)["token"])


def let_leases_run_out(stack: Stack) -> None:
    """Do what a minute of waiting does: what the dead worker held is held no longer."""
    with psycopg.connect(stack.servers.database_url) as connection:
        held = connection.execute(
            "UPDATE stripe_keys_validation SET lease_until = now() WHERE state = 'claimed'"
        )
        assert held.rowcount == 1


def test_a_check_whose_worker_is_killed_is_done_by_the_next(
    page: Page, key: str, stack: Stack, at_stripes: SimulatorAdmin
) -> None:
    asked_before = at_stripes.counts()["requests"]
    at_stripes.add_fault("hang", path="/v1/payouts", seconds=30)
    site.paste(page, key)
    expect(page.locator(".check--granted")).to_have_count(11)  # in the middle of it
    assert at_stripes.counts()["requests"] > asked_before

    stack.kill("worker", signal.SIGKILL)
    let_leases_run_out(stack)

    site.expect_key_to_be(page, "Active")
    stack.wait_until_ready("worker")


def test_a_key_pasted_while_redis_is_away_is_checked_all_the_same(page: Page, key: str, stack: Stack) -> None:
    stack.stop_process("redis")
    try:
        site.paste(page, key)
        site.expect_key_to_be(page, "Active")
    finally:
        stack.start_process("redis")


def test_a_key_pasted_while_no_worker_runs_is_checked_by_the_first_that_does(
    page: Page, key: str, stack: Stack
) -> None:
    stack.stop_process("worker")
    site.paste(page, key)
    expect(site.pill(page)).to_have_text("Being checked")
    eventually(lambda: page.evaluate("performance.getEntriesByType('resource').length"))

    stack.start_process("worker")

    site.expect_key_to_be(page, "Active")
