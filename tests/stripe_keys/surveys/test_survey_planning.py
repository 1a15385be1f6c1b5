"""Asking for surveys: once for each key in use and then every thirty days, or when somebody presses the button."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys import lifecycle, services, survey_rows, surveys
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.rows import a_key
from tests.stripe_keys.surveys.test_surveys import ask
from work.models import DueRow

pytestmark = pytest.mark.django_db


def test_each_key_in_use_is_surveyed_once_and_then_every_thirty_days(ada: User, eve: User) -> None:
    now = timezone.now()
    new = a_key(ada)
    old = a_key(ada, livemode=True, last_surveyed_at=now - timedelta(days=31))
    a_key(eve, last_surveyed_at=now - timedelta(days=29))

    first, second = surveys.plan(now, limit=10), surveys.plan(now, limit=10)

    assert (first, second) == (2, 0)
    rows = Validation.objects.surveys()
    assert {row.key_id for row in rows} == {new.pk, old.pk}
    assert {row.priority for row in rows} == {lifecycle.LEISURELY}


def test_no_more_are_planned_than_asked_for_those_never_surveyed_first(ada: User, eve: User) -> None:
    now = timezone.now()
    a_key(ada, last_surveyed_at=now - timedelta(days=90))
    new = a_key(eve)

    assert surveys.plan(now, limit=1) == 1
    assert Validation.objects.surveys().get().key_id == new.pk


def test_the_key_page_does_not_call_a_surveyed_key_being_checked(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)
    ask(key, ada)

    page = adas_browser.get(reverse("stripe_keys:key_detail", args=[key.pk])).content.decode()

    assert key.is_settled
    assert "hx-trigger" not in page
    assert "Check now" in page


def test_a_survey_does_not_use_up_the_cool_down_of_checks(ada: User) -> None:
    key = a_key(ada)
    ask(key, ada)

    services.revalidate(key=key, user=ada, now=timezone.now())

    assert Validation.objects.checks().get().reason == Validation.Reason.CHECK_NOW


def test_it_can_be_asked_for_again_only_after_a_while(ada: User) -> None:
    key = a_key(ada)
    row = ask(key, ada)

    with pytest.raises(surveys.AskedJustNow):
        ask(key, ada)
    Validation.objects.filter(pk=row.pk).update(state=DueRow.State.DONE)
    with pytest.raises(surveys.AskedJustNow) as refusal:
        ask(key, ada)
    surveys.request(key=key, user=ada, now=timezone.now() + survey_rows.COOLDOWN + timedelta(seconds=1))

    assert timedelta(seconds=50) < refusal.value.retry_after <= timedelta(minutes=1)


def test_a_key_whose_permissions_changed_comes_first_once_it_may_be_looked_at(ada: User, eve: User) -> None:
    now = timezone.now()
    a_key(eve)
    key = a_key(ada, last_surveyed_at=now, suspended_at=now)
    survey_rows.permissions_changed(key, now)
    assert not Validation.objects.surveys().exists()
    RestrictedKey.objects.filter(pk=key.pk).update(suspended_at=None)

    surveys.plan(now, limit=1)

    assert Validation.objects.surveys().get().key_id == key.pk


def test_changes_one_after_the_other_lead_to_one_survey_each_cool_down(ada: User) -> None:
    key, now = a_key(ada), timezone.now()

    for _ in range(3):
        survey_rows.permissions_changed(key, now)
    first = Validation.objects.surveys().get()
    Validation.objects.filter(pk=first.pk).update(state=DueRow.State.DONE)
    survey_rows.permissions_changed(key, now)

    second = Validation.objects.surveys().exclude(pk=first.pk).get()
    assert first.due_at == now
    assert second.due_at == first.created_at + survey_rows.COOLDOWN
