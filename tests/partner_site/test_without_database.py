"""While PostgreSQL is away, browsers and Stripe are asked to come back; nobody gets a 500 and nobody waits long."""

import json

import pytest

from tests import people, production

pytestmark = pytest.mark.processes

NOBODY_LISTENS = "postgres://nobody@127.0.0.1:9/none"
ASK = """
import hashlib, hmac, json, sys, time
import django
django.setup()
from django.test import Client

told = {}

def note(name, ask):
    began = time.monotonic()
    response = ask(Client(raise_request_exception=False, headers={"host": "partner.example.com"}))
    told[name] = [response.status_code, response.get("Retry-After"), time.monotonic() - began]

def with_session(browser):
    browser.cookies["__Host-sid"] = "s" * 32
    return browser.get("/stripe/keys/", secure=True)

def alive_with_session(browser):
    browser.cookies["__Host-sid"] = "s" * 32
    return browser.get("/healthz")

def signing_in(browser):
    return browser.post("/accounts/login/", {"login": "ada@example.com", "password": "anything at all"}, secure=True)

def delivered(browser):
    body = json.dumps({"id": "evt_1", "object": "event", "type": "account.application.authorized",
                       "account": "acct_1", "livemode": True, "created": 1, "data": {"object": {}}})
    moment = str(int(time.time()))
    signature = hmac.new(sys.argv[1].encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    header = f"t={moment},v1={signature}"
    return browser.post("/webhooks/stripe/", body, content_type="application/json", secure=True,
                        headers={"stripe-signature": header})

def asked_for_numbers(browser):
    return browser.get("/metrics", headers={"authorization": "Bearer " + sys.argv[2]})

note("all that is loaded for the first answer", lambda browser: browser.get("/healthz"))
note("a page", with_session)
note("signing in", signing_in)
note("a delivery", delivered)
note("alive", lambda browser: browser.get("/healthz"))
note("alive with a session", alive_with_session)
note("a collector", asked_for_numbers)
note("a stranger to the numbers", lambda browser: browser.get("/metrics"))
print(json.dumps(told))
"""


@pytest.mark.django_db
def test_whoever_comes_is_asked_to_come_again() -> None:
    secret, token = people.a_signing_secret(), people.some_letters(40)
    env = production.environment(
        DATABASE_URL=NOBODY_LISTENS, STRIPE_WEBHOOK_SECRETS=f"events:{secret}", METRICS_TOKEN=token
    )

    ended = production.run("-c", ASK, secret, token, env=env)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)

    del told["all that is loaded for the first answer"]
    for alive in (told.pop("alive"), told.pop("alive with a session")):
        assert alive[0] == 200
        assert alive[2] < 1  # at once: nobody waited for a connection
    assert {name: answer[:2] for name, answer in told.items()} == {
        "a page": [503, "5"],
        "signing in": [503, "5"],
        "a delivery": [503, "5"],
        "a collector": [503, None],
        "a stranger to the numbers": [404, None],
    }
    assert max(seconds for _, _, seconds in told.values()) < 3
