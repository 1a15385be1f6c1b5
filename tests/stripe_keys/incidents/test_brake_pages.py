"""What merchants read while Stripe refuses many keys at once; and what a thief cannot read from it."""

import re

import pytest
from django.test import Client

from accounts.models import User
from stripe_keys import incidents
from stripe_keys.models import RestrictedKey, StripeIncident
from tests import people
from tests.people import a_restricted_key
from tests.stripe_keys.fleet import pass_time
from tests.stripe_keys.keys import AtStripe, bind_account, checked, paste
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import a_key, page_of
from tests.stripe_keys.verdicts.test_verdict_pages import anonymous
from work import engine

Status = RestrictedKey.Status


def pages_of(keys: dict[str, RestrictedKey]) -> dict[str, str]:
    """Each key's page as its owner sees it, without what differs from key to key."""
    found = {}
    for why, key in keys.items():
        assert key.added_by is not None
        page = anonymous(page_of(people.a_client_of(key.added_by), key))
        found[why] = re.sub(r"\?seen=[^\"]*|" + re.escape(key.added_by.email), "", page)
    return found


def paste_useless_keys(at_stripe: AtStripe, eve: User) -> dict[str, RestrictedKey]:
    """One key for each reason why a key is of no use, each pasted by a merchant whose account is connected."""
    expired, foreign, eves = at_stripe.key(), at_stripe.key(), at_stripe.bound_key(eve)
    at_stripe.admin.expire_key(expired.id, lag=0)
    proven(eve, eves)
    tokens = {
        "unknown": a_restricted_key(),
        "expired": expired.token,
        "other account": foreign.token,
        "other merchant's account": at_stripe.key(eves.account).token,
        "other merchant's key": eves.token,
    }
    keys = {}
    for number, (why, token) in enumerate(tokens.items()):
        merchant = people.an_owner(f"merchant{number}@example.com", "A Shop")
        bind_account(merchant, f"acct_1Of{number:06}Merchant")
        keys[why] = paste(merchant, token)
    return keys


def test_a_useless_key_waits_whatever_is_wrong_with_it_and_is_rejected_when_the_brake_ends(
    at_stripe: AtStripe, eve: User
) -> None:
    keys = paste_useless_keys(at_stripe, eve)
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")

    engine.drain("validations")
    waiting = pages_of(keys)
    incidents.end(StripeIncident.Kind.REFUSALS, by="the site")
    engine.drain("validations")
    pass_time(minutes=1)
    ended = pages_of(keys)

    assert "Stripe refused this key, and many others at the same time" in waiting["unknown"]
    assert len(set(waiting.values())) == 1
    assert "We could not use this key with the connected account." in ended["unknown"]
    assert len(set(ended.values())) == 1


def test_a_good_key_of_the_connected_account_is_taken_while_the_brake_is_on(
    at_stripe: AtStripe, ada: User
) -> None:
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")

    assert checked(paste(ada, at_stripe.bound_key(ada).token)).status == Status.ACTIVE


def test_the_page_of_a_held_key_says_that_it_is_not_called_dead(adas_browser: Client, ada: User) -> None:
    page = page_of(adas_browser, a_key(ada, last_problem="refused_with_many"))

    assert "so we do not call it dead" in page
    assert "Active" in page
    assert "every few minutes" not in page


@pytest.mark.parametrize("status", ["active", "limited"])
@pytest.mark.parametrize("problem", ["refused_with_many", "key_refused"])
def test_the_page_of_a_refused_key_does_not_lead_with_an_older_answer(
    adas_browser: Client, ada: User, problem: str, status: str
) -> None:
    page = page_of(adas_browser, a_key(ada, status, last_problem=problem))

    assert "Stripe refused this key when we last asked. It keeps its status" in page
    assert "Stripe accepts this key" not in page
