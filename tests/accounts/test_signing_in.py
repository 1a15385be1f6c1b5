"""Signing in, out, and getting back in after forgetting the password."""

import re
from typing import Any

import pytest
from django.core.cache import caches
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from local_stack.totp import totp_code
from tests import people

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "an entirely different sentence"
Outbox = list[EmailMessage]


def sign_in(
    client: Client, email: str = "ada@example.com", password: str = people.PASSWORD, **more: str
) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_right_password_opens_the_door(client: Client, ada: User) -> None:
    answer = sign_in(client)

    assert answer.headers["Location"] == "/"
    assert is_signed_in(client)


def test_capitals_in_the_address_do_not_matter(client: Client, ada: User) -> None:
    sign_in(client, email="Ada@Example.COM")

    assert is_signed_in(client)


def test_a_wrong_password_and_an_unknown_address_read_the_same(ada: User) -> None:
    wrong = sign_in(Client(), password="not her password at all")
    unknown = sign_in(Client(), email="nobody@example.com")

    words = [re.findall(r"<li>(.*?)</li>", answer.content.decode()) for answer in (wrong, unknown)]
    assert words[0] == words[1] == ["The email address and/or password you specified are not correct."]


def test_after_five_wrong_passwords_the_right_one_waits(client: Client, ada: User) -> None:
    for _ in range(5):
        sign_in(client, password="not her password at all")

    answer = sign_in(client)

    assert "Too many failed login attempts" in answer.content.decode()
    assert not is_signed_in(client)


def test_the_limit_holds_while_a_thousand_others_sign_in(client: Client, ada: User) -> None:
    for _ in range(5):
        sign_in(client, password="not her password at all")
    cache = caches["default"]
    behind = cache.make_key("~")  # Django throws the first third away
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cache_entries (cache_key, value, expires)"
            " SELECT %s || number, '', now() + interval '5 minutes' FROM generate_series(1, 1000) AS number",
            [behind],
        )
    cache.set("~", [])

    answer = sign_in(client)

    assert "Too many failed login attempts" in answer.content.decode()


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://127.0.0.1:8000@evil.example/",
        "javascript:alert(1)",
    ],
)
def test_sign_in_leads_to_no_other_site(client: Client, ada: User, onward: str) -> None:
    answer = sign_in(client, next=onward)

    assert answer.headers["Location"] == "/"


def test_sign_in_leads_back_to_the_page_that_was_asked_for(client: Client, ada: User) -> None:
    asked = client.get("/accounts/email/")

    answer = sign_in(client, next="/accounts/email/")

    assert asked.headers["Location"] == "/accounts/login/?next=/accounts/email/"
    assert answer.headers["Location"] == "/accounts/email/"


def test_signing_out_takes_a_post(adas_browser: Client) -> None:
    adas_browser.get("/accounts/logout/")
    stayed = is_signed_in(adas_browser)
    adas_browser.post("/accounts/logout/")

    assert stayed
    assert not is_signed_in(adas_browser)


def test_a_forgotten_password_is_replaced_through_the_mail(
    client: Client, ada: User, mailoutbox: Outbox
) -> None:
    client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", str(mailoutbox[0].body))
    assert found is not None
    form = client.get(found[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    sign_in(client, password=NEW_PASSWORD)

    assert is_signed_in(client)


def test_a_reset_link_works_once(ada: User, mailoutbox: Outbox) -> None:
    Client().post("/accounts/password/reset/", {"email": "ada@example.com"})
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", str(mailoutbox[0].body))
    assert found is not None
    first = Client()
    form = first.get(found[1], follow=True).redirect_chain[-1][0]
    first.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    again = Client().get(found[1], follow=True)

    assert "This link no longer works" in again.content.decode()


def test_asking_for_a_reset_tells_nothing_about_the_address(ada: User, mailoutbox: Outbox) -> None:
    known = Client().post("/accounts/password/reset/", {"email": "ada@example.com"}, follow=True)
    unknown = Client().post("/accounts/password/reset/", {"email": "nobody@example.com"}, follow=True)

    assert known.content == unknown.content
    assert [mail.subject for mail in mailoutbox] == [
        "Choose a new password for Ledgerline",
        "No account at Ledgerline",
    ]


def test_a_second_factor_is_asked_for_where_there_is_one(
    client: Client, olga: User, settings: Settings
) -> None:
    settings.MFA_TOTP_TOLERANCE = 1  # the code's half minute may end before it is sent
    answer = sign_in(client, email="olga@example.com")
    halfway = is_signed_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(people.TOTP_SECRET)})

    assert answer.headers["Location"] == "/accounts/2fa/authenticate/"
    assert not halfway
    assert is_signed_in(client)


def test_a_wrong_code_does_not_open_the_door(client: Client, olga: User) -> None:
    sign_in(client, email="olga@example.com")

    client.post("/accounts/2fa/authenticate/", {"code": "000000"})

    assert not is_signed_in(client)


def test_changing_the_password_ends_the_other_sessions(ada: User) -> None:
    here, there = people.a_client_of(ada), people.a_client_of(ada)

    here.post(
        "/accounts/password/change/",
        {"oldpassword": people.PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert there.get("/accounts/email/").status_code == 302


def test_the_other_sessions_can_be_ended(ada: User) -> None:
    here, there = Client(), Client()
    sign_in(here)
    sign_in(there)
    there.get("/accounts/email/")

    here.post("/accounts/sessions/")

    assert is_signed_in(here)
    assert there.get("/accounts/email/").status_code == 302
