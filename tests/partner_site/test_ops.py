"""The ops desk opens for staff with a fresh second factor, and for nobody else."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client, RequestFactory

from accounts.models import User
from partner_site.ops import OpsAdminSite, ReadOnlyAdmin
from tests import people

pytestmark = pytest.mark.django_db
HOUR = 60 * 60


def test_the_ops_desk_is_djangos_admin_site() -> None:
    assert isinstance(admin.site._wrapped, OpsAdminSite)  # type: ignore[attr-defined]
    assert "delete_selected" not in [name for name, _ in admin.site.actions]


def test_staff_with_a_fresh_second_factor_come_in(olgas_browser: Client) -> None:
    response = olgas_browser.get("/ops/")

    assert response.status_code == 200
    assert "Ops desk" in response.content.decode()


def test_a_stranger_is_sent_to_sign_in_at_allauth(client: Client) -> None:
    response = client.get("/ops/", follow=True)

    assert [address for address, _ in response.redirect_chain] == [
        "/ops/login/?next=/ops/",
        "/accounts/login/?next=%2Fops%2F",
    ]


@pytest.mark.parametrize("address", ["/ops/", "/ops/accounts/user/", "/ops/login/"])
def test_a_merchants_user_gets_403(adas_browser: Client, address: str) -> None:
    response = adas_browser.get(address, follow=True)

    assert response.status_code == 403


def test_staff_without_a_second_factor_are_asked_to_set_one_up(olga: User) -> None:
    Authenticator.objects.filter(user=olga).delete()
    browser = people.a_client_of(olga)

    response = browser.get("/ops/login/?next=/ops/")

    assert response["Location"] == "/accounts/2fa/totp/activate/"
    assert "second factor" in str(browser.session["_messages"])


def test_a_password_alone_is_not_enough(olga: User) -> None:
    response = people.a_client_of(olga).get("/ops/", follow=False)
    asked = people.a_client_of(olga).get(response["Location"])

    assert response.status_code == 302
    assert asked["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fops%2F"


def test_after_an_hour_the_second_factor_is_asked_for_again(olga: User) -> None:
    just_before = people.a_client_of(olga, seconds_ago=HOUR - 60, second_factor=True)
    just_after = people.a_client_of(olga, seconds_ago=HOUR + 1, second_factor=True)

    assert just_before.get("/ops/").status_code == 200
    assert just_after.get("/ops/").status_code == 302


def test_staff_who_left_stay_outside(olga: User) -> None:
    browser = people.a_client_of(olga, second_factor=True)
    olga.is_staff = False
    olga.save()

    assert browser.get("/ops/", follow=True).status_code == 403


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example/", "/ops/login/?next=/ops/"]
)
def test_the_way_back_leads_only_into_this_site(olgas_browser: Client, wanted: str) -> None:
    response = olgas_browser.get("/ops/login/", {"next": wanted})

    assert response["Location"] == "/ops/"


def test_a_password_is_changed_at_allauth(olgas_browser: Client) -> None:
    response = olgas_browser.post("/ops/password_change/", {"new_password1": "anything at all"})

    assert response["Location"] == "/accounts/password/change/"


def test_a_read_only_page_gives_no_rights(rf: RequestFactory, olga: User) -> None:
    request = rf.get("/ops/")
    request.user = olga
    page = ReadOnlyAdmin(User, admin.site)

    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)


def test_every_page_of_the_desk_opens(olgas_browser: Client) -> None:
    for model in admin.site._registry:
        address = f"/ops/{model._meta.app_label}/{model._meta.model_name}/"

        assert olgas_browser.get(address).status_code == 200, address


class FailsLate(SimpleListFilter):
    """A filter that cannot be read, which nobody notices before the page is made."""

    title = parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("a", "A"), ("b", "B")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset

    def choices(self, changelist: Any) -> Any:
        raise ValueError(self.value())


def test_a_filter_that_fails_only_in_the_template_leads_back_to_all_rows(
    olgas_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin.site._registry[User], "list_filter", (FailsLate,))

    answer = olgas_browser.get("/ops/accounts/user/", {"late": "x"})

    assert answer["Location"] == "/ops/accounts/user/?e=1"
