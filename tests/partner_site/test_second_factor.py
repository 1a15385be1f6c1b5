"""The second factor's secrets lie encrypted."""

import pytest
from allauth.mfa.models import Authenticator

from accounts.models import User
from tests import people


@pytest.mark.django_db
def test_no_secret_lies_in_the_table(olga: User) -> None:
    rows = Authenticator.objects.filter(user=olga)

    assert rows.count() == 2  # the authenticator app and its recovery codes
    for row in rows:
        assert people.TOTP_SECRET not in str(row.data)


@pytest.mark.django_db
def test_what_was_encrypted_comes_back(olga: User) -> None:
    from allauth.mfa.utils import decrypt, encrypt

    assert decrypt(encrypt("a text")) == "a text"
    assert encrypt("a text") != encrypt("a text")
