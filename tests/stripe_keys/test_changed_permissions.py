"""A key whose permissions changed: it is surveyed anew, and until then no page says that all is well."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import survey_rows, surveys
from stripe_keys.catalogue import WITHOUT_PROBE, implied_permissions
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.keys import REQUIRED, AtStripe, check_again
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key
from tests.stripe_keys.surveys.test_surveys import ask, one_run, usable
from tests.stripe_keys.test_permissions_page import report_of, report_page, surveyed
from work.models import DueRow

pytestmark = pytest.mark.django_db
Status = RestrictedKey.Status


def test_a_check_that_finds_another_permission_asks_for_a_survey(ada: User, at_stripe: AtStripe) -> None:
    stripe_key, key = usable(ada, at_stripe)
    assert not Validation.objects.surveys().exists(), "the first check has nothing to compare with"
    at_stripe.admin.change_key(stripe_key.id, permissions=REQUIRED[:-1])

    key = check_again(key)

    assert key.status == Status.LIMITED
    assert Validation.objects.surveys().get().verdict == surveys.SURVEYED
    assert key.last_surveyed_at is not None
    assert key.permissions_changed_at is None


def test_a_change_in_the_midst_of_a_survey_is_followed_by_another(
    ada: User, at_stripe: AtStripe, settings: Settings
) -> None:
    settings.STRIPE_RATE_TEST = 100
    _, key = usable(ada, at_stripe)
    row = one_run(ask(key, ada))
    assert row.verdict == "", "only a portion"

    survey_rows.permissions_changed(key, timezone.now())
    while row.state != DueRow.State.DONE:
        one_run(row)

    key.refresh_from_db()
    assert key.permissions_changed_at is not None
    following = Validation.objects.surveys().exclude(pk=row.pk).get()
    assert one_run(following).verdict in ("", surveys.SURVEYED)


def lead_of(page: str) -> str:
    """What the page says first."""
    found = re.search(r'id="lead">(.*?)</p>', page, re.DOTALL)
    assert found
    return found[1].strip()


def test_a_change_at_stripe_takes_the_assurance_back_until_the_next_survey(
    adas_browser: Client, ada: User
) -> None:
    key = surveyed(ada, {})
    before = lead_of(report_page(adas_browser, key))

    survey_rows.permissions_changed(key, timezone.now())
    during = report_page(adas_browser, key)
    Validation.objects.surveys().update(state=DueRow.State.DONE)
    after = report_page(adas_browser, key)

    asked = len(surveys.questions())
    assert before == (
        f"All 12 permissions that we need, and nothing beyond them among {asked} others that we asked about."
    )
    assert "changed at Stripe: we are looking again at what else it can do" in lead_of(during)
    assert "changed at Stripe since we last looked" in lead_of(after)
    assert "is not known until we have looked again" in after
    assert "Last look, before the permissions were changed:" in after
    for page in (during, after):
        assert "nothing beyond" not in lead_of(page)
        assert "how it should be" not in page
        assert "Nothing found" not in page


def test_ops_read_that_the_last_survey_is_older_than_a_change(olgas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {})
    address = reverse("admin:stripe_keys_restrictedkey_change", args=[key.pk])
    before = olgas_browser.get(address).content.decode()

    survey_rows.permissions_changed(key, timezone.now())
    after = olgas_browser.get(address).content.decode()

    assert f"nothing among {len(surveys.questions())} asked about" in before
    assert "nothing among" not in after
    assert "permissions changed since" in after


def test_while_the_first_survey_goes_on_nobody_says_that_none_does(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    a_check(key, ALL_GRANTED)
    surveys.request(key=key, user=ada, now=timezone.now())

    page = report_page(adas_browser, key)

    assert lead_of(page) == "All 12 permissions that we need. What else it can do we are asking Stripe now."
    assert "not looked yet" not in page


def test_what_cannot_be_looked_at_is_listed_by_name(adas_browser: Client, ada: User) -> None:
    key = surveyed(ada, {"file_read": "granted"})

    page = report_page(adas_browser, key)

    listed = {
        f"{one.resource}_{right}" for one in report_of(key).unseen for right in one.access.split(" and ")
    }
    expected = implied_permissions.included_in(ALL_GRANTED)
    assert listed == {one.permission for one in WITHOUT_PROBE} - expected
    assert "What we cannot look at" in page
    assert "Files: write could not be looked at" in page
    assert "Billing profile: read and write" in page
    assert '<span class="excess__note">write could not be looked at</span>' in page
