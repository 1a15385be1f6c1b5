"""The second factor's secrets lie encrypted; one that cannot be read is told to its owner and reset by a command."""

import base64
import logging
import os
from io import StringIO
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import Notice, User
from accounts.second_factors import set_up_totp
from local_stack.totp import totp_code
from stripe_keys import vault
from stripe_keys.models import SiteDataKey
from stripe_keys.vault import data_keys, ring
from stripe_keys.vault.local_keys import LocalKeys
from tests import people
from tests.stripe_keys.audit.damage import flip_a_bit

LOST = "Your second factor cannot be read. Ask another member of ops to reset it."


@pytest.fixture(autouse=True)
def a_code_lasts_while_it_is_sent(settings: Settings) -> None:
    """Codes count though their half minute ends between the making and the asking."""
    settings.MFA_TOTP_TOLERANCE = 1


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


# --- When it cannot be read ------------------------------------------------------------------------------------------


def lose_the_key(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [f"fresh:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()


def damage_the_data_key(settings: Settings) -> None:
    flip_a_bit(SiteDataKey.objects.get(), "wrapped")
    data_keys.forget()


def damage_the_rows(settings: Settings) -> None:
    for row in Authenticator.objects.all():
        row.data = {name: "damaged" if isinstance(value, str) else value for name, value in row.data.items()}
        row.save()


def sign_in(client: Client) -> Any:
    """Olga's password and then the right code."""
    client.post("/accounts/login/", {"login": "olga@example.com", "password": people.PASSWORD})
    return client.post("/accounts/2fa/authenticate/", {"code": totp_code(people.TOTP_SECRET)})


def test_the_right_code_lets_olga_in(client: Client, olga: User) -> None:
    assert sign_in(client).status_code == 302


@pytest.mark.parametrize("fault", [lose_the_key, damage_the_data_key, damage_the_rows])
def test_an_unreadable_second_factor_is_an_error_of_the_form(
    client: Client, olga: User, settings: Settings, caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    fault(settings)

    answer = sign_in(client)

    assert answer.status_code == 200
    assert LOST in answer.content.decode()
    assert "_auth_user_id" not in client.session
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "a second factor does not open" in [record.getMessage() for record in critical]
    assert people.TOTP_SECRET not in caplog.text


def test_proving_it_again_says_the_same(olgas_browser: Client, settings: Settings) -> None:
    damage_the_rows(settings)

    answer = olgas_browser.post("/accounts/2fa/reauthenticate/", {"code": totp_code(people.TOTP_SECRET)})

    assert answer.status_code == 200
    assert LOST in answer.content.decode()


@pytest.mark.parametrize(
    "page", ["", "recovery-codes/", "recovery-codes/generate/", "recovery-codes/download/"]
)
def test_pages_that_would_show_what_cannot_be_read_say_so(
    olgas_browser: Client, settings: Settings, page: str
) -> None:
    damage_the_rows(settings)

    answer = olgas_browser.get(f"/accounts/2fa/{page}")

    assert answer.status_code == 409
    assert LOST in answer.content.decode()


def spoil_the_rows(spoilt: object) -> None:
    """Every secret of every row becomes that; Ellipsis takes its name away too."""
    for row in Authenticator.objects.all():
        row.data = {name: value for name, value in row.data.items() if name not in ("secret", "seed")}
        if spoilt is not ...:
            row.data |= {"secret": spoilt, "seed": spoilt}
        row.save()


NO_TEXTS = pytest.mark.parametrize("spoilt", [None, 7, ["a"], {"a": "b"}, ...])


@NO_TEXTS
def test_no_text_where_the_secret_was_lets_nobody_in(client: Client, olga: User, spoilt: object) -> None:
    spoil_the_rows(spoilt)

    answer = sign_in(client)

    assert answer.status_code in (200, 409)
    assert LOST in answer.content.decode()
    assert "_auth_user_id" not in client.session


@NO_TEXTS
@pytest.mark.parametrize("page", ["", "recovery-codes/", "recovery-codes/download/"])
def test_pages_say_so_where_no_text_is_stored(olgas_browser: Client, spoilt: object, page: str) -> None:
    spoil_the_rows(spoilt)

    answer = olgas_browser.get(f"/accounts/2fa/{page}")

    assert answer.status_code == 409
    assert LOST in answer.content.decode()


@NO_TEXTS
def test_setting_up_anew_replaces_what_is_no_text(olga: User, spoilt: object) -> None:
    spoil_the_rows(spoilt)

    set_up_totp(user=olga, secret=people.TOTP_SECRET)

    assert isinstance(Authenticator.objects.get(user=olga, type="totp").data["secret"], str)


def test_a_service_that_is_away_is_not_called_a_loss(
    client: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(LocalKeys):
        def unwrap(self, kek_id: str, *_: object) -> bytes:
            raise vault.KeyServiceAway("Nobody answers.")

    monkeypatch.setattr(ring, "service", lambda _: Away())
    data_keys.forget()

    answer = sign_in(client).content.decode()

    assert "cannot be checked at this moment" in answer
    assert LOST not in answer


def test_other_exceptions_are_no_business_of_ours(
    olgas_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("partner_site.second_factor.EncryptedMFAAdapter.decrypt", fail)

    with pytest.raises(ZeroDivisionError):
        olgas_browser.get("/accounts/2fa/recovery-codes/")


def test_setting_up_anew_replaces_what_cannot_be_read(olga: User, settings: Settings) -> None:
    damage_the_rows(settings)

    set_up_totp(user=olga, secret=people.TOTP_SECRET)

    assert Authenticator.objects.get(user=olga, type="totp").data["secret"] != "damaged"


# --- Resetting it ----------------------------------------------------------------------------------------------------


def reset(email: str = "olga@example.com") -> str:
    """Run the command; what it says."""
    said = StringIO()
    call_command("reset_second_factor", email=email, stdout=said)
    return said.getvalue()


def test_after_a_loss_a_reset_and_a_new_app_lead_back_in(
    client: Client, olga: User, settings: Settings
) -> None:
    lose_the_key(settings)

    assert "is removed" in reset()
    signed_in = client.post("/accounts/login/", {"login": olga.email, "password": people.PASSWORD})
    desk = client.get("/ops/", follow=True)

    assert signed_in.status_code == 302
    assert "/accounts/2fa/totp/activate/" in unquote(desk.redirect_chain[-1][0])
    set_up_totp(user=olga, secret=people.TOTP_SECRET)
    assert sign_in(Client()).status_code == 302


def test_a_reset_ends_sessions_of_that_user_alone(olga: User, ada: User) -> None:
    hers, listed = people.a_client_of(olga, second_factor=True), people.a_client_of(olga)
    UserSession.objects.create(user=olga, ip="192.0.2.1", session_key=listed.session.session_key)
    adas = people.a_client_of(ada)

    reset(" Olga@Example.com ")

    left = set(Session.objects.values_list("session_key", flat=True))
    assert adas.session.session_key in left
    assert not {hers.cookies["sid"].value, listed.cookies["sid"].value} & left
    assert not UserSession.objects.filter(user=olga).exists()
    assert hers.get("/ops/").status_code == 302


def test_ops_are_told_of_each_reset(olga: User) -> None:
    reset()
    reset()

    told = Notice.objects.filter(merchant=None, subject="A second factor was reset")
    assert told.count() == 2
    assert olga.email in told[0].body


def test_a_user_without_a_second_factor_can_be_signed_out_too(ada: User) -> None:
    assert "had no second factor" in reset(ada.email)


def test_nobody_of_that_address_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="Nobody signs in"):
        reset("nobody@example.com")
