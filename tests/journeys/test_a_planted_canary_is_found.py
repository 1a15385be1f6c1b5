"""The hunt can fail: a canary that is planted in any of the places that are searched is found there, and named."""

import time
from collections.abc import Iterator

import pytest

from local_stack.processes import Stack
from tests.journeys import planting, sinks
from tests.journeys.canary import Canaries, Hit
from tests.journeys.ears import ProcessWatch, RedisEar
from tests.stripe_keys.outgoing.receiver import Receiver

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def hits(stack: Stack, partner: Receiver) -> Iterator[list[Hit]]:
    """What is found after a canary, named after the place, was planted in each."""
    since, canaries, watch = time.time() - 1, Canaries(), ProcessWatch()
    sinks.listen_closely(stack)
    with RedisEar(stack.servers.redis_url) as ear:
        for sink, plant in planting.PLANTS.items():
            plant(stack, canaries.key(sink))
    argument, variable = canaries.key("process arguments"), canaries.key("process environment")
    planting.plant_in_a_process(watch, argument=argument, variable=variable)
    browser = planting.plant_in_answers(page=canaries.key("answer"), error=canaries.key("error page"))
    with planting.running_statement(stack, canaries.key("running statement")):
        left = list(sinks.left_behind(stack, since=since))
    places = (*sinks.answered(browser.answers), *sinks.told(partner), *ear.heard, *watch.seen, *left)
    yield list(canaries.hits(places))
    planting.weed(stack)


@pytest.mark.parametrize("sink", sorted(sinks.SINKS))
def test_a_planted_canary_is_found_and_named(hits: list[Hit], sink: str) -> None:
    assert (sink, sink) in {(hit.sink, hit.canary) for hit in hits}


def test_there_is_no_place_without_a_name(hits: list[Hit]) -> None:
    assert {hit.sink for hit in hits} == sinks.SINKS
