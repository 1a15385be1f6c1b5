"""Production's promises to browsers, seen in the answers of a process with production's environment."""

import json
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from tests import people, production

ASK = """
import io, json, sys
import django
django.setup()
from django.core.management import call_command
from django.test import Client

checked = io.StringIO()
call_command("check", deploy=True, fail_level="WARNING", stdout=checked, stderr=checked)
call_command("collectstatic", interactive=False, verbosity=0)
browser = Client(headers={"host": "partner.example.com"})

def told(response):
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "cookies": {name: morsel.OutputString() for name, morsel in response.cookies.items()},
    }

form = browser.get("/accounts/login/", secure=True)
entered = browser.post("/accounts/login/", json.loads(sys.argv[1]), secure=True)
print(json.dumps({
    "check": checked.getvalue(),
    "plain": told(browser.get("/accounts/login/")),
    "healthz": told(browser.get("/healthz")),
    "form": told(form),
    "entered": told(entered),
    "forged": told(browser.get("/healthz", headers={"host": "elsewhere.example"})),
}))
"""


@pytest.fixture
def answers(transactional_db: None, tmp_path: Path) -> dict[str, Any]:
    """What a production process answers to a visitor, then to Ada signing in."""
    ada: User = people.an_owner("ada@example.com", "Ada's Lamps")
    form = json.dumps({"login": ada.email, "password": people.PASSWORD})

    env = production.environment(STATIC_ROOT=str(tmp_path))
    ended = production.run("-c", ASK, form, env=env)

    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store, private",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
}
CONTENT_SECURITY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self' https://marketplace.stripe.com https://dashboard.stripe.com",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}


@pytest.mark.processes
def test_production_answers_as_promised(answers: dict[str, Any]) -> None:
    form, entered = answers["form"], answers["entered"]

    assert form["status"] == 200
    assert {name: form["headers"].get(name) for name in HEADERS} == HEADERS
    policy = dict(
        part.strip().split(" ", 1) for part in form["headers"]["Content-Security-Policy"].split(";")
    )
    assert {name: policy.get(name) for name in CONTENT_SECURITY} == CONTENT_SECURITY
    assert not [value for value in policy.values() if "unsafe" in value or "*" in value]
    assert entered["status"] == 302
    for cookie in (form["cookies"]["__Host-csrf"], entered["cookies"]["__Host-sid"]):
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert attributes >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
        assert not [attribute for attribute in attributes if attribute.startswith("Domain")]
    assert answers["plain"]["headers"]["Location"] == "https://partner.example.com/accounts/login/"
    assert answers["healthz"]["status"] == 200  # asked from inside, without TLS
    assert answers["forged"]["status"] == 400
    assert "no issues" in answers["check"], "Django's deployment check has something to say"
