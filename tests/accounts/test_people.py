"""The people that most tests begin with are what our commands and a real sign-in would have made."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import Membership, Merchant, User
from accounts.services import ensure_user, open_merchant
from tests import people

pytestmark = pytest.mark.django_db

OF_ITS_OWN = {"id", "email", "user_id", "merchant_id", "created_at", "date_joined", "password", "last_login"}


def row_of(model: Any, **which: Any) -> dict[str, Any]:
    """The only such row, without what differs from one to the next."""
    row = model._base_manager.filter(**which).values().get()
    return {name: value for name, value in row.items() if name not in OF_ITS_OWN}


def test_an_owner_is_as_the_commands_make_one() -> None:
    made = people.an_owner("made@example.com", "A shop")
    commanded = ensure_user(email="commanded@example.com", password=people.PASSWORD)
    open_merchant(user=commanded, name="A shop")

    for model, by in (
        (User, "pk"),
        (EmailAddress, "user"),
        (Membership, "user"),
        (Merchant, "memberships__user"),
    ):
        assert row_of(model, **{by: made.pk}) == row_of(model, **{by: commanded.pk})
    made.refresh_from_db()
    assert made.check_password(people.PASSWORD)
    assert people.merchant_of(made).name == "A shop"


def test_a_browser_of_theirs_is_signed_in_as_by_django(ada: User) -> None:
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    signed_in = Client()
    signed_in.force_login(ada, backend=backend)
    ours = people.a_client_of(ada)

    session, as_by_django = dict(ours.session), dict(signed_in.session)
    assert {name: session[name] for name in as_by_django} == as_by_django
    assert all("account" in name for name in set(session) - set(as_by_django)), "the rest is allauth's"
    assert Session.objects.count() == 2
