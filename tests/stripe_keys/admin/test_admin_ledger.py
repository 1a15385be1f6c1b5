"""The deletion ledger's entries in the ops desk: what happened to which key, in words, long after it is gone."""

from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from stripe_keys.ledger import entries
from stripe_keys.models import DatabaseRestore, LedgerEntry, SiteDataKey
from tests.people import merchant_of
from tests.stripe_keys.rows import a_key

LIST = "admin:stripe_keys_ledgerentry_changelist"

pytestmark = pytest.mark.django_db


def desk(browser: Client, page: str, *args: object) -> str:
    return unescape(browser.get(reverse(page, args=args)).content.decode())


def test_an_entry_leads_to_its_key_and_merchant(ada: User, olgas_browser: Client) -> None:
    key = a_key(ada, "removed", last4="7Wxy")
    entries.note_key_erased(key, status="removed", reason="The merchant removed it.")
    entry = LedgerEntry.objects.get()

    shown = [
        desk(olgas_browser, LIST),
        desk(olgas_browser, "admin:stripe_keys_ledgerentry_change", entry.pk),
    ]

    for page in shown:
        assert f'<a href="/ops/stripe_keys/restrictedkey/{key.pk}/change/">{key.display}</a>' in page
        assert f">{merchant_of(ada).name}</a>" in page
        assert "Erased at" not in page
    assert f"{entry.erased_at:%d %b %H:%M:%S}<" in shown[0]
    assert "At (UTC)" in shown[0]
    assert f"{entry.erased_at:%d %b %Y %H:%M:%S} UTC" in shown[1]


def test_an_entry_outlives_its_key_and_merchant(olgas_browser: Client) -> None:
    key_id, merchant_id = uuid4(), uuid4()
    LedgerEntry.objects.create(lane="ledger", kind="key_erased", key_id=key_id, merchant_id=merchant_id)
    LedgerEntry.objects.create(lane="ledger", kind="mark")

    page = desk(olgas_browser, LIST)

    assert f">{key_id}</td>" in page
    assert f">{merchant_id}</td>" in page
    assert "None" not in page.partition('id="result_list"')[2].partition("</table>")[0]


def test_many_entries_cost_no_more_queries(ada: User, olgas_browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            desk(olgas_browser, LIST)
        return len(captured)

    entries.note_key_erased(a_key(ada, "removed"), status="removed", reason="")
    few = queries()
    for _ in range(5):
        entries.note_key_erased(a_key(ada, "removed"), status="removed", reason="")

    assert queries() == few


def test_restores_are_told_in_the_same_style(olgas_browser: Client) -> None:
    restore = DatabaseRestore.objects.create(keys_erased=1)

    page = desk(olgas_browser, "admin:stripe_keys_databaserestore_changelist")

    assert f"{restore.restored_at:%d %b %H:%M:%S}</" in page


@pytest.mark.parametrize(("asked", "shown"), [("live", "7Liv"), ("test", "7Tes")])
def test_keys_are_filtered_by_mode(ada: User, olgas_browser: Client, asked: str, shown: str) -> None:
    a_key(ada, livemode=True, last4="7Liv")
    a_key(ada, livemode=False, last4="7Tes")

    address = reverse("admin:stripe_keys_restrictedkey_changelist")
    page = olgas_browser.get(address, {"livemode": asked}).content.decode()

    assert [last4 for last4 in ("7Liv", "7Tes") if f"...{last4}" in page] == [shown]
    assert "By mode" in page


def test_a_key_encryption_key_goes_by_its_name(olgas_browser: Client) -> None:
    data_key = SiteDataKey.objects.create(version=7, kek_id="kek-7", wrapped=b"x")
    SiteDataKey.objects.create(version=8, kek_id="kek-8", wrapped=b"x")

    listed = desk(olgas_browser, "admin:stripe_keys_sitedatakey_changelist")
    one = desk(olgas_browser, "admin:stripe_keys_sitedatakey_change", data_key.pk)

    assert "By key-encryption key" in listed
    assert "kek id" not in (listed + one).lower()
    assert "kek-7" in one
