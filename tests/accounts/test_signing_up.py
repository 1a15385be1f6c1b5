"""From a stranger to the owner of a merchant."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import Membership, Merchant, User
from tests.people import a_restricted_key

pytestmark = pytest.mark.django_db

PASSWORD = "quite long and hardly common"
Outbox = list[EmailMessage]


def sign_up(client: Client, email: str = "ada@example.com", **changes: str) -> Any:
    form = {"company": "Ada's Lamps", "email": email, "password1": PASSWORD, "password2": PASSWORD, **changes}
    return client.post("/accounts/signup/", form)


def link_in(mail: EmailMessage) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", str(mail.body))
    assert found is not None, mail.body
    return found[1]


def test_sign_up_opens_the_merchant_with_its_owner(client: Client) -> None:
    sign_up(client)

    membership = Membership.objects.get()
    assert membership.merchant.name == "Ada's Lamps"
    assert membership.user.email == "ada@example.com"
    assert membership.role == Membership.Role.OWNER


def test_the_link_in_the_mail_verifies_and_signs_in(client: Client, mailoutbox: Outbox) -> None:
    sign_up(client)
    link = link_in(mailoutbox[0])

    asked = client.get(link)
    answer = client.post(link)

    assert "ada@example.com" in asked.content.decode()
    assert answer.status_code == 302
    assert EmailAddress.objects.get().verified
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_who_chose_a_password_just_now_is_not_asked_for_it_again(client: Client, mailoutbox: Outbox) -> None:
    sign_up(client)
    client.post(link_in(mailoutbox[0]))

    assert client.get("/stripe/paste/test/").status_code == 200


def test_opening_the_link_alone_confirms_nothing(client: Client, mailoutbox: Outbox) -> None:
    sign_up(client)

    client.get(link_in(mailoutbox[0]))

    assert not EmailAddress.objects.get().verified


def test_without_verification_nobody_gets_in(client: Client) -> None:
    sign_up(client)
    client.post("/accounts/logout/")

    answer = client.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD})

    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert "_auth_user_id" not in client.session


def test_the_mail_names_the_site_and_comes_from_it(client: Client, mailoutbox: Outbox) -> None:
    sign_up(client)

    assert mailoutbox[0].subject == "Confirm your address for Ledgerline"
    assert mailoutbox[0].from_email == "Ledgerline <no-reply@127.0.0.1>"


def test_a_known_address_gets_the_same_answer_as_a_new_one(ada: User, mailoutbox: Outbox) -> None:
    knowing, unknowing = Client(), Client()
    known = sign_up(knowing, email="ada@example.com")
    unknown = sign_up(unknowing, email="new@example.com")

    assert known.headers["Location"] == unknown.headers["Location"]
    next_pages = [browser.get(known.headers["Location"]).content for browser in (knowing, unknowing)]
    assert next_pages[0] == next_pages[1].replace(b"new@example.com", b"ada@example.com")
    assert mailoutbox[0].subject == "You have an account at Ledgerline already"


def test_a_known_address_opens_no_second_merchant(client: Client, ada: User) -> None:
    sign_up(client, email="ADA@example.com", company="Not Ada's")

    assert User.objects.count() == 1
    assert not Merchant.objects.filter(name="Not Ada's").exists()


def test_the_second_of_two_sign_ups_at_one_moment_is_told_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is taken between the form's look at it and the insert."""
    from accounts.adapter import AccountAdapter

    real = AccountAdapter.new_user

    def somebody_was_faster(self: AccountAdapter, request: Any) -> Any:
        User.objects.create_user("ada@example.com", PASSWORD)
        return real(self, request)

    monkeypatch.setattr(AccountAdapter, "new_user", somebody_was_faster)

    answer = sign_up(client)

    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert Merchant.objects.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"company": ""}, id="no company"),
        pytest.param({"company": "x" * 121}, id="endless company"),
        pytest.param({"password1": "short", "password2": "short"}, id="short password"),
        pytest.param({"password1": "password1234", "password2": "password1234"}, id="common password"),
        pytest.param({"password2": "another long passphrase"}, id="two passwords"),
        pytest.param({"email": "not an address"}, id="no address"),
    ],
)
def test_a_refused_form_opens_nothing_and_shows_no_password(client: Client, changes: dict[str, str]) -> None:
    answer = sign_up(client, **changes)

    assert answer.status_code == 200
    assert PASSWORD not in answer.content.decode()
    assert "errorlist" in answer.content.decode()
    assert (User.objects.count(), Merchant.objects.count()) == (0, 0)


def test_sign_up_survives_a_mail_server_that_is_down(client: Client, mail_server: Any) -> None:
    sign_up(client)

    page = client.get("/accounts/confirm-email/").content.decode()
    assert "We could not send the mail just now" in page
    assert User.objects.count() == 1


@pytest.mark.parametrize("field", ["company", "email"])
def test_a_key_in_the_wrong_field_is_refused_and_neither_kept_nor_mailed(
    client: Client, mailoutbox: Outbox, field: str
) -> None:
    key = a_restricted_key()

    answer = sign_up(client, **{field: key if field == "company" else f"{key[:60]}@example.com"})

    assert "looks like a Stripe key" in answer.content.decode()
    assert key[:40] not in answer.content.decode()
    assert not Merchant.objects.exists()
    assert mailoutbox == []
