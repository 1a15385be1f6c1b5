"""Answers that contradict each other: what they prove, what they take back, and when ops are told."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import gateway, incidents
from stripe_keys.doubts import IN_A_ROW
from stripe_keys.models import RestrictedKey, Validation
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import kept, make_due, pass_time
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import Reply, ScriptedStripe, refusal, saying
from work import engine

Status = RestrictedKey.Status
INVALID = refusal(401, "Invalid API Key provided.")
VAGUE = refusal(403, "Forbidden.")
LACKING = refusal(403, "The provided key does not have the required permissions for this endpoint.")
LIST = saying({"object": "list", "data": []})


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedStripe]:
    """One scripted Stripe for all tests here."""
    with scripted_stripe.running() as running:
        yield running


@pytest.fixture
def stripe(server: ScriptedStripe, settings: Settings, transactional_db: None) -> Iterator[ScriptedStripe]:
    """The site asks the scripted Stripe."""
    settings.STRIPE_API_BASE, settings.STRIPE_RATE_TEST = server.base_url, 1e6
    gateway.forget_connections()
    incidents.forget()
    yield server
    gateway.forget_connections()


@pytest.fixture
def key(stripe: ScriptedStripe) -> RestrictedKey:
    """A key in use whose own id Stripe has never named, so that each look begins with two questions."""
    key = kept(a_restricted_key(), 1)
    RestrictedKey.objects.filter(pk=key.pk).update(stripe_key_id="", last_ok_at=timezone.now())
    return key


def look(key: RestrictedKey, stripe: ScriptedStripe, answer: Callable[[str], Reply]) -> RestrictedKey:
    """A check of `key`, ten minutes after the last one."""
    pass_time(minutes=10)
    stripe.answer = answer
    make_due([key])
    engine.drain("validations")
    key.refresh_from_db()
    return key


def to_whose(reply: Reply, others: Reply) -> Callable[[str], Reply]:
    """`reply` to the question whose the key is, `others` to all other ones."""
    return lambda path: reply if path == "/v1/account" else others


def test_refusals_with_an_accepted_question_between_are_no_two_in_a_row(
    key: RestrictedKey, stripe: ScriptedStripe
) -> None:
    look(key, stripe, lambda _: INVALID)
    assert look(key, stripe, to_whose(INVALID, LIST)).first_refused_at is None

    look(key, stripe, lambda _: INVALID)

    assert key.status == Status.ACTIVE
    assert look(key, stripe, lambda _: INVALID).status == Status.EXPIRED, "now there were two"


@pytest.mark.parametrize("whose", [VAGUE, LACKING], ids=["forbidden", "lacking"])
def test_looks_that_prove_nothing_are_not_well_and_ops_hear_of_several(
    key: RestrictedKey, stripe: ScriptedStripe, whose: Reply
) -> None:
    for _ in range(IN_A_ROW - 1):
        look(key, stripe, to_whose(whose, INVALID))
    assert not Notice.objects.exists()

    look(key, stripe, to_whose(whose, INVALID))
    look(key, stripe, to_whose(whose, INVALID))

    assert (key.status, key.last_problem) == (Status.ACTIVE, "answers_differ")
    assert key.last_ok_at is not None
    assert (timezone.now() - key.last_ok_at).total_seconds() > 3600, "six looks ago"
    notice = Notice.objects.get()
    assert str(key.pk) in notice.body
    assert key.last4 not in notice.body


def test_a_look_that_proves_something_begins_the_count_anew(
    key: RestrictedKey, stripe: ScriptedStripe
) -> None:
    account = saying({"object": "account", "id": key.stripe_account_id})
    for number in range(IN_A_ROW + 2):
        look(key, stripe, to_whose(account if number == 2 else VAGUE, INVALID))

    assert not Notice.objects.exists()
    assert Validation.objects.filter(verdict="contradicted").count() == IN_A_ROW + 1
