"""The audits' page in the ops desk."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from stripe_keys import audit
from stripe_keys.models import KeyEnvelope, MerchantDataKey
from stripe_keys.vault import data_keys
from tests.stripe_keys.audit.damage import a_kept_key, audited, damage, many_kept_keys, newest

LIST = "admin:stripe_keys_vaultaudit_changelist"


def page(browser: Client) -> str:
    """The newest audit's own page."""
    address = reverse("admin:stripe_keys_vaultaudit_change", args=[newest().pk])
    return browser.get(address).content.decode()


def listed(browser: Client) -> str:
    return browser.get(reverse(LIST)).content.decode()


def test_an_audit_that_found_all_in_order_says_so(olgas_browser: Client, ada: User) -> None:
    a_kept_key(ada)
    audited()

    assert "In order" in listed(olgas_browser)
    assert "Nothing." in page(olgas_browser)


def test_findings_are_counted_and_linked(olgas_browser: Client, ada: User) -> None:
    key = a_kept_key(ada)
    damage(key)
    data_keys.add_version(key.merchant, 2)
    audited()

    shown = page(olgas_browser)

    assert "Not in order" in listed(olgas_browser)
    assert "1 unreadable" in listed(olgas_browser)
    assert f'href="{reverse("admin:stripe_keys_restrictedkey_change", args=[key.pk])}"' in shown
    assert "Find out who or what wrote" in shown


@pytest.mark.parametrize("standing", ["finished", "under_way", "nonsense"])
def test_the_list_can_be_narrowed(olgas_browser: Client, ada: User, standing: str) -> None:
    audited()
    audit.begin()

    answer = olgas_browser.get(reverse(LIST), {"standing": standing})

    count = answer.context["cl"].result_count
    assert count == {"finished": 1, "under_way": 1}.get(standing, 2)


def test_an_audit_under_way_says_so(olgas_browser: Client, ada: User) -> None:
    a_kept_key(ada)
    walking = audit.Walk(audit.begin())
    walking.advance(0)

    assert "Under way" in page(olgas_browser)


def test_the_brake_is_told(olgas_browser: Client, ada: User) -> None:
    for key in many_kept_keys(ada, 12):
        damage(key)
    audited()

    assert "Not in order; nobody quarantined" in listed(olgas_browser)
    assert "NO KEY WAS QUARANTINED" in page(olgas_browser)


def test_what_a_row_says_of_itself_cannot_become_a_tag(olgas_browser: Client, ada: User) -> None:
    a_kept_key(ada)
    KeyEnvelope.objects.all().delete()
    MerchantDataKey.objects.update(kek_id="<script>alert(1)</script>")
    audited()

    assert "<script>alert" not in page(olgas_browser)


def test_nobody_changes_an_audit(olgas_browser: Client, ada: User) -> None:
    audited()
    address = reverse("admin:stripe_keys_vaultaudit_change", args=[newest().pk])

    assert olgas_browser.post(address, {"counts": "{}"}).status_code == 403
    assert olgas_browser.get(reverse("admin:stripe_keys_vaultaudit_add")).status_code == 403
