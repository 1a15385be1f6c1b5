"""Users made without a browser."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Merchant, User
from accounts.services import OPS_GROUP, open_merchant
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_PASSWORD", people.PASSWORD)
    monkeypatch.setenv("THE_SECRET", people.TOTP_SECRET)


def open_adas_merchant() -> None:
    call_command(
        "open_merchant", email="Ada@Example.com", merchant_name="Ada's Lamps", password_env="THE_PASSWORD"
    )


def add_olga(**options: object) -> None:
    call_command("add_staff", email="olga@example.com", password_env="THE_PASSWORD", **options)


def test_open_merchant_makes_an_owner_who_can_sign_in(client: Client) -> None:
    open_adas_merchant()

    answer = client.post("/accounts/login/", {"login": "ada@example.com", "password": people.PASSWORD})

    assert answer.headers["Location"] == "/"
    assert Merchant.objects.get().name == "Ada's Lamps"


def test_open_merchant_twice_changes_nothing_and_ends_no_session(client: Client) -> None:
    open_adas_merchant()
    browser = people.a_client_of(User.objects.get())

    open_adas_merchant()

    assert (User.objects.count(), Merchant.objects.count()) == (1, 1)
    assert EmailAddress.objects.count() == 1
    assert Session.objects.filter(session_key=browser.session.session_key).exists()
    assert browser.get("/accounts/email/").status_code == 200


def test_a_merchant_is_opened_once_per_user(ada: User) -> None:
    again = open_merchant(user=ada, name="Another Name")

    assert again == people.merchant_of(ada)
    assert again.name == "Ada's Lamps"


def test_a_password_that_changed_is_set() -> None:
    open_adas_merchant()
    user = User.objects.get()
    user.set_password("something else")
    user.save()

    open_adas_merchant()

    assert User.objects.get().check_password(people.PASSWORD)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THE_PASSWORD")

    with pytest.raises(CommandError, match="THE_PASSWORD is not set"):
        open_adas_merchant()


def test_an_address_must_look_like_one() -> None:
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("open_merchant", email="ada", merchant_name="x", password_env="THE_PASSWORD")


def test_nothing_secret_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    open_adas_merchant()
    add_olga(totp_secret_env="THE_SECRET")

    printed = "".join(capsys.readouterr())
    assert people.PASSWORD not in printed
    assert people.TOTP_SECRET not in printed


def test_staff_belong_to_the_ops_group_and_are_no_superusers() -> None:
    add_olga()

    olga = User.objects.get()
    assert (olga.is_staff, olga.is_superuser) == (True, False)
    assert olga.groups.get().name == OPS_GROUP
    assert olga.has_perm("accounts.view_merchant")
    assert not olga.has_perm("accounts.delete_merchant")
    assert not olga.has_perm("mfa.change_authenticator")


def test_a_superuser_is_made_only_when_asked() -> None:
    add_olga(superuser=True)

    assert User.objects.get().is_superuser


def test_staff_get_their_second_factor_once_and_encrypted() -> None:
    add_olga(totp_secret_env="THE_SECRET")
    before = list(Authenticator.objects.order_by("pk").values_list("pk", "data"))
    add_olga(totp_secret_env="THE_SECRET")

    assert list(Authenticator.objects.order_by("pk").values_list("pk", "data")) == before
    assert {each.type for each in Authenticator.objects.all()} == {"totp", "recovery_codes"}
    assert people.TOTP_SECRET not in str(before)


@pytest.mark.parametrize("secret", ["not base32 at all!", "GEZDGNBV"])
def test_an_unusable_totp_secret_is_refused(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_SECRET", secret)

    with pytest.raises(CommandError, match="TOTP secret"):
        add_olga(totp_secret_env="THE_SECRET")
