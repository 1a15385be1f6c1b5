"""Whoever tries stolen keys learns nothing from any page: not from its words, nor from its work, nor from its pace."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import unified_diff

import pytest
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import incidents
from stripe_keys.models import KeyEnvelope, RestrictedKey, StripeIncident, Validation
from tests import people
from tests.stripe_keys.keys import AtStripe, bind_account
from tests.stripe_keys.proven import proven
from tests.stripe_keys.rows import a_check, a_key, page_of
from work import engine

CLASSES = (
    "unknown to Stripe",
    "expired",
    "of another account",
    "in use by another merchant",
    "limited to addresses",
)
PASTE = reverse("stripe_keys:paste_key", args=["test"])
SHORTEST_CHECK_SECONDS = 3600  # longer than any test takes, however busy the machine is
SEEN_ANYWAY = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID"),
    (r"rk_test_\.\.\.\w{4}|(?<=\"mono\">)\w{4}(?=</dd>)", "KEY"),
    (r"acct_(?:…\w{4}|\w{16,})", "OWN ACCOUNT"),
    (r'(?<=name="csrfmiddlewaretoken" value=")\w+', "TOKEN"),
    (r"<time .*?</time>|\d{1,2} \w+ \d{4}, [\d:]+ UTC", "TIME"),
    (r"\d{4}-\d\d-\d\d(?:[\d:.+TZ]|%3A|%2B)*", "MOMENT"),
    (r"-\d+(?=\.(?:True|False)-)", "-CHECK"),
    (r"\bin \d+ seconds?", "in N seconds"),
    (r"thief\d", "thief"),
)


Learnt = tuple[str, int, str, str, int]
"""The request in a word, the answer's status, its way onward, its text, and the number of database statements."""


@dataclass
class Thief:
    """Somebody with an account of their own and one key; `learnt` is all that pages told, step by step."""

    browser: Client
    token: str
    address: str = ""
    learnt: list[Learnt] = field(default_factory=list)

    def paste(self) -> None:
        answer = self._ask("paste", "post", PASTE, {"key": self.token})
        pk = answer["Location"].rstrip("/").rpartition("/")[2]
        self.address = reverse("stripe_keys:key_detail", args=[pk])

    def look_briefly(self) -> None:
        """Where a key shows first."""
        self._ask("list", "get", reverse("stripe_keys:key_list"))
        self._ask("export", "get", reverse("stripe_keys:export"))
        self._ask("page", "get", self.address)

    def look_around(self) -> None:
        """Every page that has to do with the key, and then the key once more."""
        self.look_briefly()
        self._ask("erased", "get", reverse("stripe_keys:erased"))
        for what in ("status", "remove", "replace", "account", "confirm-account", "check", "permissions"):
            self._ask(what, "get", f"{self.address}{what}/")
        self._ask("check", "post", f"{self.address}check/")
        self._ask("page after check", "get", self.address)

    def remove(self) -> None:
        self._ask("remove", "post", f"{self.address}remove/")
        self.look_briefly()

    def _ask(self, what: str, method: str, address: str, data: dict[str, str] | None = None) -> HttpResponse:
        headers = {"HX-Request": "true"} if what == "status" else {}
        with CaptureQueriesContext(connection) as queries:
            answer: HttpResponse = getattr(self.browser, method)(address, data or {}, headers=headers)
            body = answer.getvalue().decode()
        told = modulo_what_is_seen_anyway(body)
        if what == "export":  # in the order of random ids
            told = "\n".join(sorted(line.rstrip(",]") for line in told.splitlines()))
        onward = modulo_what_is_seen_anyway(answer.get("Location", ""))
        # Whether there is an incident is asked once a second, whoever happens to look then.
        statements = sum("stripeincident" not in query["sql"] for query in queries)
        self.learnt.append((what, answer.status_code, onward, told, statements))
        return answer


def modulo_what_is_seen_anyway(text: str) -> str:
    for pattern, instead in SEEN_ANYWAY:
        text = re.sub(pattern, instead, text)
    return text


@pytest.fixture
def thieves(at_stripe: AtStripe, eve: User, settings: Settings) -> Iterator[list[Thief]]:
    """One thief for each class of useless keys, all of them connected to an account of their own."""
    settings.KEY_SHORTEST_CHECK_SECONDS = SHORTEST_CHECK_SECONDS
    settings.PASTE_LIMIT_PER_ADDRESS_PER_HOUR = 1000
    settings.KEY_BRAKE_ACCOUNTS = 1000
    expired, foreign, of_eve = at_stripe.key(), at_stripe.key(), at_stripe.bound_key(eve)
    at_stripe.admin.expire_key(expired.id, lag=0)
    proven(eve, of_eve)
    elsewhere = at_stripe.key(ip_allowlist=["203.0.113.9"])
    tokens = (people.a_restricted_key(), expired.token, foreign.token, of_eve.token, elsewhere.token)
    found = []
    for number, token in enumerate(tokens):
        thief = people.an_owner(f"thief{number}@example.com", "A den")
        bind_account(thief, at_stripe.admin.create_account())
        found.append(Thief(people.a_client_of(thief), token))
    yield found
    assert RestrictedKey.objects.get(merchant=people.merchant_of(eve)).status == "active"


def time_passes(seconds: float) -> None:
    passed = timedelta(seconds=seconds)
    RestrictedKey.objects.exclude(status="active").update(created_at=F("created_at") - passed)
    for moment in ("created_at", "due_at"):
        Validation.objects.filter(state="waiting").update(**{moment: F(moment) - passed})


def differences(one: Learnt, other: Learnt) -> list[str]:
    """What two answers have not in common, line by line."""
    mine, others = ([*map(str, (*told[:3], told[4])), *told[3].splitlines()] for told in (one, other))
    found = unified_diff(mine, others, n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++"))]


def all_learnt_the_same(thieves: list[Thief]) -> bool:
    first = thieves[0].learnt
    for name, thief in zip(CLASSES, thieves, strict=True):
        for mine, others in zip(thief.learnt, first, strict=True):
            found = differences(mine, others)
            assert not found, "\n".join([f"{mine[0]!r} tells which key is {name!r}:", *found])
    return True


def test_no_page_tells_useless_keys_apart_at_any_moment(thieves: list[Thief]) -> None:
    for thief in thieves:
        thief.paste()
        thief.paste()
        thief.look_around()
    assert all_learnt_the_same(thieves)
    assert not RestrictedKey.objects.filter(status="rejected").exists()

    engine.drain("validations")  # Stripe has answered, and nobody may see it yet
    assert not RestrictedKey.objects.filter(status="rejected").exists()
    for thief in thieves:
        thief.look_around()
    assert all_learnt_the_same(thieves)

    time_passes(SHORTEST_CHECK_SECONDS)
    engine.drain("validations")
    assert RestrictedKey.objects.filter(status="rejected").count() == len(CLASSES)
    for thief in thieves:
        thief.look_around()
        thief.paste()
        thief.remove()
    assert all_learnt_the_same(thieves)


def test_while_stripe_refuses_many_no_page_tells_useless_keys_apart(thieves: list[Thief]) -> None:
    StripeIncident.objects.create(kind=StripeIncident.Kind.REFUSALS, evidence="")
    incidents.forget()
    for thief in thieves:
        thief.paste()
    for look in (Thief.look_briefly, Thief.look_around):
        time_passes(SHORTEST_CHECK_SECONDS)
        engine.drain("validations")
        for thief in thieves:
            look(thief)

        assert all_learnt_the_same(thieves)
        assert not RestrictedKey.objects.filter(status="rejected").exists()
    assert "refused this key, and many others" in thieves[0].learnt[-1][3]
    for thief in thieves:
        thief.remove()
    assert all_learnt_the_same(thieves)


def test_stolen_key_is_nowhere_but_with_its_merchant(thieves: list[Thief], eve: User) -> None:
    of_eve = RestrictedKey.objects.get(merchant=people.merchant_of(eve))
    for thief in thieves:
        thief.paste()

    stand_in = RestrictedKey.objects.get(stands_in_for=of_eve)
    assert bytes(stand_in.fingerprint) == bytes(of_eve.fingerprint)
    assert bytes(stand_in.envelope.envelope) != bytes(of_eve.envelope.envelope)
    time_passes(SHORTEST_CHECK_SECONDS)
    engine.drain("validations")
    assert KeyEnvelope.objects.count() == 1


@pytest.mark.django_db
def test_page_stays_as_it_is_when_stripe_has_answered_and_nobody_may_know(
    ada: User, adas_browser: Client
) -> None:
    key = a_key(ada, "pending")
    check = a_check(key, {}, state=Validation.State.CLAIMED)
    asked = page_of(adas_browser, key)

    Validation.objects.filter(pk=check.pk).update(
        state="waiting", problem=Validation.WITHHELD, due_at=timezone.now() + timedelta(seconds=2)
    )

    assert modulo_what_is_seen_anyway(page_of(adas_browser, key)) == modulo_what_is_seen_anyway(asked)
