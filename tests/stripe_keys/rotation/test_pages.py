"""The ops desk shows how far a rewrap is, and never what is wrapped."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Merchant
from stripe_keys import vault
from stripe_keys.models import MerchantDataKey, SiteDataKey
from tests.stripe_keys.rotation.stored import a_stored_key, key_material_in, run

pytestmark = pytest.mark.django_db
LISTS = ("merchantdatakey", "sitedatakey")


@pytest.fixture
def half_way(
    old_kek: str, new_kek: str, adas_merchant: Merchant, eves_merchant: Merchant, settings: Settings
) -> None:
    """Ada's data key and the site's are on k1; k2 is the primary, and Eve's is on it."""
    a_stored_key(adas_merchant)
    vault.encrypt_site_secret("second-factor", "a shared secret")
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    a_stored_key(eves_merchant)


@pytest.fixture
def desk(old_kek: str, olgas_browser: Client) -> Client:
    """Olga's browser; her second factor is under k1."""
    return olgas_browser


def list_of(desk: Client, name: str) -> str:
    page = desk.get(reverse(f"admin:stripe_keys_{name}_changelist"))
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_counts_and_what_is_left_are_above_the_list(desk: Client, half_way: None) -> None:
    merchants, site = (list_of(desk, name) for name in LISTS)

    assert "k2 <strong>(primary)</strong> </th> <td>1</td>" in merchants
    assert "k1 </th> <td>1</td>" in merchants
    assert (
        "<strong>1 row still on an old key</strong>: run <code>manage.py rewrap_data_keys</code>" in merchants
    )
    assert "k2 <strong>(primary)</strong> </th> <td>0</td>" in site


def test_afterwards_nothing_is_left(desk: Client, half_way: None) -> None:
    run("rewrap_data_keys")

    for name in LISTS:
        page = list_of(desk, name)
        assert "Every row is on the primary key." in page
        assert "still on an old key" not in page


def test_a_list_can_be_narrowed_to_an_old_key(desk: Client, half_way: None, adas_merchant: Merchant) -> None:
    page = desk.get(reverse("admin:stripe_keys_merchantdatakey_changelist"), {"kek_id": "k1"})

    assert [row.merchant for row in page.context["cl"].result_list] == [adas_merchant]


def test_no_page_shows_what_is_wrapped(desk: Client, half_way: None) -> None:
    addresses = [reverse(f"admin:stripe_keys_{name}_changelist") for name in LISTS]
    for model in (MerchantDataKey, SiteDataKey):
        name = f"admin:stripe_keys_{model._meta.model_name}_change"
        addresses += [reverse(name, args=[row.pk]) for row in model.objects.all()]

    for address in addresses:
        page = desk.get(address)
        assert page.status_code == 200
        assert key_material_in(page.content.decode()) == []
        assert "rapped" not in page.content.decode()


@pytest.mark.parametrize("name", LISTS)
def test_data_keys_are_neither_added_nor_changed_nor_deleted_by_hand(
    desk: Client, half_way: None, name: str
) -> None:
    row = {"merchantdatakey": MerchantDataKey, "sitedatakey": SiteDataKey}[name].objects.order_by("pk")[0]
    start = reverse(f"admin:stripe_keys_{name}_changelist")

    for address in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert desk.post(start + address, {"kek_id": "k9", "post": "yes"}).status_code == 403
