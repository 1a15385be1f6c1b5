"""Where somebody may paste a key: the form that is for it, and everywhere that is not."""

import json
import re
import time

from django.urls import reverse

from tests.journeys.hunt import PASTE, Hunt
from tests.waiting import eventually
from tests.webhooks.deliveries import a_notification, encoded, header_for

DESK = "/ops/stripe_keys/restrictedkey/"


def paste_well(hunt: Hunt) -> str:
    """Until the key is active; the address of its page."""
    key = hunt.known("paste form")
    page = hunt.ada.post(PASTE, {"key": f' STRIPE_KEY="{key}" '}).url.removeprefix(hunt.ada.base_url)
    hunt.wait_for(page, "Yes, it is ours")
    hunt.ada.post(page + "confirm-account/", {"answer": "yes"})
    hunt.wait_for(page, "every permission we need")
    hunt.ada.post(page + "replace/", {"key": key})  # the same again
    return page


def paste_badly(hunt: Hunt) -> None:
    """What the paste form refuses."""
    key = hunt.canaries.key
    live, whole = key("paste form, live", kind="rk_live"), key("paste form, two keys")
    for text in (
        live,
        key("paste form, secret key", kind="sk_test"),
        f"{live} {whole}",
        key("paste form, cut") + "…",
        key("paste form, twice in a row") * 2,
        key("paste form, zero width")[:40] + "\u200b\n" + key("paste form, zero width")[40:] + "é",
        f"-----BEGIN {key('paste form, a file')} " + "a" * 600,
    ):
        assert hunt.ada.post(PASTE, {"key": text}).status_code == 422
    too_much = {"key": key("paste form, too much") * 700}
    assert hunt.ada.post(PASTE, too_much).status_code in (400, 413)
    tokenless = hunt.ada.post_blindly(PASTE, {"key": key("paste form without its token")})
    assert tokenless.status_code == 403
    named = hunt.ada.post(PASTE, {key("name of a field"): "on", "key": ""})
    assert named.status_code == 422
    in_a_file = hunt.ada.post_blindly(PASTE, {}, files={"key": ("key.txt", key("file"))})
    assert in_a_file.status_code in (400, 403)


def send_elsewhere(hunt: Hunt) -> None:
    """Into forms of other pages, addresses and headers; as a stranger, and as Ada."""
    key, stranger, ada = hunt.canaries.key, hunt.stranger, hunt.ada
    stranger.sign_in(key("login form, e-mail"), key("login form, password"))
    stranger.sign_in(hunt.email, key("login form, password of somebody"))
    stranger.post("/accounts/password/reset/", {"email": key("password reset")})
    words = dict.fromkeys(("email", "company", "password1", "password2"), key("sign-up form"))
    stranger.post("/accounts/signup/", words)
    stranger.post_blindly(PASTE, {"key": key("paste form, not signed in")})
    for browser, who in ((stranger, "stranger"), (ada, "Ada")):
        for number, address in enumerate(
            ("/?key={}", f"{PASTE}?key={{}}", "/stripe/return/?state={}", "/{}", "/stripe/keys/{}/",
             "/accounts/login/?next=/{}", "/ops/{}/", "/stripe/paste/{}/")
        ):  # fmt: skip
            browser.get(address.format(key(f"address {number}, {who}")))
        browser.get(PASTE, headers={"Authorization": f"Bearer {key(f'authorization, {who}')}"})
        browser.get(
            "/", headers={"X-Stripe-Key": key(f"header, {who}"), "User-Agent": key(f"user agent, {who}")}
        )
        browser.get("/", headers={"Referer": f"{browser.base_url}/?key={key(f'referrer, {who}')}"})
        browser.get("/", headers={"Accept-Language": key(f"language, {who}"), "HX-Request": "true",
                                  "HX-Current-URL": f"/?key={key(f'htmx, {who}')}"})  # fmt: skip
    stranger.get("/", headers={"Host": key("host")})
    stranger.get("/", headers={"Cookie": f"sid={key('session cookie')}; csrf={key('token cookie')}"})


def send_as_an_event(hunt: Hunt) -> None:
    """Into the door for Stripe's events: unsigned, signed wrongly, signed but no event; beside a good one."""
    key = hunt.canaries.key
    body = json.dumps({"key": key("event")})
    for signature in ("t=1,v1=00", key("signature"), f"t={int(time.time())},v1={key('signature of now')}"):
        answer = hunt.machine.post_blindly("/webhooks/stripe/", body, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400
    unreadable = key("signed body that is no event")
    assert deliver(hunt, unreadable.encode()) == 400
    assert deliver(hunt, f'{{"id": "{unreadable}", "object": []}}'.encode()) == 400
    assert deliver(hunt, encoded(a_notification()), note=key("beside an event")) == 200


def deliver(hunt: Hunt, body: bytes, *, note: str = "") -> int:
    """Send what Stripe would have signed, a note beside it; the status of the answer."""
    secrets = dict(each.split(":", 1) for each in hunt.stack.environment["STRIPE_WEBHOOK_SECRETS"].split(","))
    signed = header_for(body, secret=secrets["thin"])
    headers = {"Stripe-Signature": signed, "X-Note": note, "User-Agent": note}
    answer = hunt.machine.post_blindly(f"/webhooks/stripe/?note={note}", body, headers=headers)
    return answer.status_code


def ask_at_the_desk(hunt: Hunt) -> None:
    """Into every field of the ops desk: searches, filters, chosen rows, addresses."""
    key, olga = hunt.canaries.key, hunt.olga
    for page in (DESK, "/ops/accounts/user/", "/ops/webhooks/eventnotification/"):
        answer = olga.get(page, params={"q": key(f"search of {page}")})
        assert answer.status_code == 200
    for number, query in enumerate(("status__exact={}", "problem={}", "o={}", "e={}", "p={}", "{}=1")):
        olga.get(f"{DESK}?{query.format(key(f'filter {number}'))}")
    olga.get(f"{DESK}{key('row of the desk')}/change/")
    chosen = {"action": "check_now", "_selected_action": key("chosen row")}
    olga.post(DESK, chosen)
    olga.post(DESK, {"action": key("action"), "_selected_action": "1"})


def ask_the_leak_desk(hunt: Hunt) -> None:
    """Into the form for texts that leaked: with a key that nobody has, too long, and with the one in use."""
    desk, olga, key = reverse("admin:leak_desk"), hunt.olga, hunt.canaries.key
    assert olga.post(desk, {"text": key("leak desk, unknown")}).status_code == 200
    assert olga.post(desk, {"text": key("leak desk, much") * 500}).status_code in (200, 413, 422)
    in_use = key("paste form, while Redis dies")
    found = olga.post(
        desk, {"text": f"found in a repository:\nSTRIPE={in_use}\n{key('leak desk, beside')}\n"}
    )
    chosen = re.findall(r'name="act"\s+value="([0-9a-f,]+)"', found.text)
    assert chosen, found.url
    olga.post(found.url.removeprefix(olga.base_url), {"act": chosen[0]})
    eventually(lambda: [mail for mail in hunt.stack.mails() if hunt.email in mail["to"]], timeout=20)
