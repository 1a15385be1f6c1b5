"""What the page of a limited key says: what works, what does not, and where to mend it."""

from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from stripe_keys.sentences import edit_link
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key

pytestmark = pytest.mark.django_db


def test_of_a_limited_key_the_page_says_what_works_and_what_does_not(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "limited", stripe_key_id="mk_1SomeKey")
    a_check(key, ALL_GRANTED | {"payout_read": "missing"})

    page = unescape(adas_browser.get(reverse("stripe_keys:key_detail", args=[key.pk])).content.decode())

    broken, works = page.split(">Does not work<")[1].split(">Works<")
    assert "Matches payouts with the deposits on your bank statement." in broken
    assert "Not until you add <strong>Payouts</strong>: read" in broken
    assert edit_link(key) in broken
    assert "Brings in successful and failed payments." in works
    assert "Matches payouts" not in works
