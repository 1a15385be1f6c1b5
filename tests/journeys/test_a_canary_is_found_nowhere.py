"""Keys are pasted well and badly while everything fails around them; then their text is found nowhere."""

import signal
import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage

import psycopg
import pytest
import redis

from local_stack.processes import Stack
from tests.browser.stage import Cast
from tests.journeys.canary import RedisEar, Search, left_behind, listen_closely
from tests.journeys.plain_browser import PlainBrowser
from tests.people import a_restricted_key, a_secret_key
from tests.simulator import SimulatorAdmin
from tests.waiting import eventually

pytestmark = pytest.mark.processes
PASTE = "/stripe/paste/test/"


@pytest.fixture
def browser(stack: Stack, cast: Cast) -> Iterator[PlainBrowser]:
    """Ada, signed in."""
    plain, ada = PlainBrowser(stack.site_url), cast.owner()
    plain.sign_in(ada.email, ada.password)
    yield plain
    plain.close()


def wait_for(browser: PlainBrowser, address: str, words: str) -> None:
    eventually(lambda: words in browser.get(address).text, timeout=30)


def paste_well(browser: PlainBrowser, key: str) -> str:
    """Until the key is active; the address of its page."""
    page = browser.post(PASTE, {"key": f' STRIPE_KEY="{key}" '}).url.removeprefix(browser.base_url)
    wait_for(browser, page, "Yes, it is ours")
    browser.post(page + "confirm-account/", {"answer": "yes"})
    wait_for(browser, page, "every permission we need")
    return page


def paste_badly(browser: PlainBrowser, keys: dict[str, str]) -> None:
    for text in (
        keys["live"],
        keys["secret"],
        f"{keys['live']} {keys['good']}",
        keys["good"] + "…",
    ):
        assert browser.post(PASTE, {"key": text}).status_code == 422
    # Its connection is not used again: an answer that comes before the whole body was read may end it.
    too_much = browser.post(PASTE, {"key": keys["good"] * 700}, headers={"Connection": "close"})
    assert too_much.status_code in (400, 413)
    assert browser.post_blindly(PASTE, {"key": keys["good"]}).status_code == 403  # no token


def send_elsewhere(stack: Stack, key: str) -> list[bytes]:
    """Send it where no key belongs. The answers, but for those to an address that held the key: sign-in leads back."""
    stranger, lost = PlainBrowser(stack.site_url), PlainBrowser(stack.site_url)
    stranger.sign_in("nobody@example.com", key)
    stranger.post_blindly(PASTE, {"key": key})
    stranger.get(PASTE, headers={"Authorization": f"Bearer {key}", "Referer": f"{stack.site_url}/?key={key}"})
    stranger.get("/", headers={"X-Stripe-Key": key, "User-Agent": key})
    for signature in ("t=1,v1=00", key):
        body, headers = f'{{"key": "{key}"}}', {"Stripe-Signature": signature}
        stranger.post_blindly("/webhooks/stripe/", body, headers=headers)
    for address in (f"/?key={key}", f"{PASTE}?key={key}", f"/stripe/return/?state={key}", f"/{key}"):
        lost.get(address)
    for each in (stranger, lost):
        each.close()
    return stranger.answers


def fail_meanwhile(browser: PlainBrowser, key: str, page: str, stack: Stack, stripe: SimulatorAdmin) -> None:
    """Stripe fails in its ways while the next key is checked, and the worker is killed with that key in its hands."""
    for kind, path in (("error", "payouts"), ("invalid_json", "customers"), ("reset", "invoices")):
        stripe.add_fault(kind, path=f"/v1/{path}")
    stripe.add_fault("hang", path="/v1/charges", seconds=30)
    browser.post(PASTE, {"key": key})
    eventually(lambda: stripe.faults() == [])
    stack.kill("worker", signal.SIGKILL)
    with psycopg.connect(stack.servers.database_url) as connection:
        connection.execute("UPDATE stripe_keys_validation SET lease_until = now() WHERE state = 'claimed'")
    wait_for(browser, page, "A newer key took over")


def be_refused(browser: PlainBrowser, key: str, stripe: SimulatorAdmin) -> None:
    """Stripe does not know the key."""
    stripe.add_fault("unauthorized", path="/v1/account")
    page = browser.post(PASTE, {"key": key}).url.removeprefix(browser.base_url)
    wait_for(browser, page, "This key is not in use")


def test_a_pasted_key_is_found_nowhere(
    browser: PlainBrowser, stack: Stack, at_stripes: SimulatorAdmin
) -> None:
    since = time.time() - 1
    account = at_stripes.create_account("Ada's Lamps")
    keys = {name: str(at_stripes.create_key(account)["token"]) for name in ("good", "next", "refused")}
    keys |= {"live": a_restricted_key(livemode=True), "secret": a_secret_key()}
    listen_closely(stack)

    with RedisEar(stack.servers.redis_url) as ear:
        page = paste_well(browser, keys["good"])
        paste_badly(browser, keys)
        answers = send_elsewhere(stack, keys["good"])
        fail_meanwhile(browser, keys["next"], page, stack, at_stripes)
        be_refused(browser, keys["refused"], at_stripes)

    search = Search(keys)
    assert search.hits(("an answer", answer) for answer in (*browser.answers, *answers)) == []
    assert search.hits(ear.places) == []
    assert search.hits(left_behind(stack, since=since)) == []


def plant(stack: Stack, key: str) -> None:
    """Leave a key in each place where none may be."""
    with stack.log_of("web").open("a") as log:
        log.write(f"planted {key.encode().hex()}\n")
    mail = EmailMessage()
    mail["To"], mail["From"], mail["Subject"] = "control@example.com", "control@example.com", "planted"
    mail.set_content(key)
    with smtplib.SMTP("127.0.0.1", stack.ports.smtp) as server:
        server.send_message(mail)
    with psycopg.connect(stack.servers.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS planted (text varchar)")
        connection.execute("INSERT INTO planted VALUES (%s)", [key])
    client = redis.Redis.from_url(stack.servers.redis_url)
    client.set("planted", key[::-1])
    client.close()


def test_a_planted_key_is_found_everywhere(stack: Stack) -> None:
    since, key = time.time() - 1, a_restricted_key()
    listen_closely(stack)
    with RedisEar(stack.servers.redis_url) as ear:
        plant(stack, key)
    reader = PlainBrowser(stack.mail_url)
    reader.get("/messages.json")
    reader.close()

    search = Search({"planted": key})
    found = "\n".join(search.hits((*ear.places, *left_behind(stack, since=since))))
    answered = search.hits(("an answer", answer) for answer in reader.answers)

    for place in ("logs/web.log", "logs/postgres.log", "postgres/data/base/", "postgres/data/pg_wal/", "mail ",
                  "Redis key", "Redis commands", "redis/dump.rdb"):  # fmt: skip
        assert f"\n{place}" in f"\n{found}", place
    assert answered
