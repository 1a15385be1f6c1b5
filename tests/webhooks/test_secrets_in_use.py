"""Ops see which signing secrets deliveries come with, and when the old one of a roll may go."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.people import a_signing_secret
from tests.webhooks.deliveries import a_notification, deliver, encoded, header_for
from webhooks import secrets_in_use
from webhooks.models import EventNotification, SigningSecretUse
from work.models import PeriodicSlot

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def secrets(settings: Settings) -> dict[str, str]:
    """A secret that is rolled, and another."""
    told = {name: a_signing_secret() for name in ("live", "live.previous", "test")}
    settings.STRIPE_WEBHOOK_SECRETS = [f"{name}:{secret}" for name, secret in told.items()]
    return told


def deliver_with(secret: str, *, ago: timedelta = timedelta()) -> None:
    """A delivery signed with that secret, which came so long ago."""
    event = a_notification()
    body = encoded(event)
    assert deliver(body, header=header_for(body, secret=secret)).status_code == 200
    rows = EventNotification.objects.filter(event_id=event["id"])
    rows.update(created_at=timezone.now() - ago)


def use_of(name: str) -> SigningSecretUse:
    return SigningSecretUse.objects.get(name=name)


def standing(name: str, *, after: timedelta = timedelta()) -> secrets_in_use.Standing:
    """What ops are told of a secret, or would be so much later."""
    use = secrets_in_use.with_successors(SigningSecretUse.objects.all()).get(name=name)
    return secrets_in_use.standing(
        use,
        current_seen_at=use.current_seen_at,
        now=timezone.now() + after,
    )


def configured(name: str, *, ago: timedelta) -> None:
    SigningSecretUse.objects.filter(name=name).update(configured_since=timezone.now() - ago)


def test_a_look_sees_every_secret_first_and_last(secrets: dict[str, str]) -> None:
    for ago in (3 * HOUR, 2 * HOUR, HOUR):
        deliver_with(secrets["live"], ago=ago)

    secrets_in_use.look()

    uses = {use.name: use for use in SigningSecretUse.objects.all()}
    assert set(uses) == {"live", "live.previous", "test"}
    moments = list(EventNotification.objects.order_by("created_at").values_list("created_at", flat=True))
    assert (uses["live"].first_seen_at, uses["live"].last_seen_at) == (moments[0], moments[-1])
    assert uses["test"].last_seen_at is None
    assert all(use.configured_since for use in uses.values())


def test_a_later_look_reads_only_what_came_since(secrets: dict[str, str]) -> None:
    deliver_with(secrets["live"], ago=5 * HOUR)
    deliver_with(secrets["test"], ago=HOUR)
    slot = timezone.now() - 2 * HOUR
    PeriodicSlot.objects.create(job=secrets_in_use.JOB, slot=slot, lane="x", state="done", finished_at=slot)

    secrets_in_use.look()

    assert use_of("live").last_seen_at is None
    assert use_of("test").last_seen_at is not None


def test_looks_never_move_a_moment_back(secrets: dict[str, str]) -> None:
    deliver_with(secrets["live"], ago=HOUR)
    secrets_in_use.look()
    seen = use_of("live").last_seen_at
    EventNotification.objects.update(created_at=timezone.now() - 9 * HOUR)

    secrets_in_use.look()

    assert use_of("live").last_seen_at == seen


def test_previous_secret_may_go_a_day_after_it_was_last_needed(secrets: dict[str, str]) -> None:
    deliver_with(secrets["live.previous"], ago=HOUR)
    deliver_with(secrets["live"])
    secrets_in_use.look()
    configured("live.previous", ago=2 * HOUR)

    assert standing("live").role == "current"
    assert standing("live.previous").advice.startswith("Not yet safe to remove: deliveries needed it")
    assert not standing("live.previous", after=22 * HOUR).may_go
    assert standing("live.previous", after=24 * HOUR).may_go


def test_previous_secret_stays_until_the_new_one_is_at_work(secrets: dict[str, str]) -> None:
    deliver_with(secrets["live"], ago=9 * HOUR)  # when that name still was the old one's
    secrets_in_use.look()
    configured("live.previous", ago=2 * HOUR)

    assert "nothing was signed with the new secret" in standing("live.previous", after=72 * HOUR).advice

    deliver_with(secrets["live"])
    secrets_in_use.look()
    assert standing("live.previous", after=23 * HOUR).may_go


def test_secret_that_was_just_configured_stays(secrets: dict[str, str]) -> None:
    SigningSecretUse.objects.create(name="live.previous")

    assert "only just now" in standing("live.previous").advice


def test_secret_that_is_no_longer_configured_is_still_named(
    secrets: dict[str, str], settings: Settings
) -> None:
    deliver_with(secrets["test"], ago=HOUR)
    secrets_in_use.look()
    settings.STRIPE_WEBHOOK_SECRETS = [f"live:{secrets['live']}"]
    secrets_in_use.look()

    assert set(SigningSecretUse.objects.values_list("name", flat=True)) == {"live", "test"}
    assert standing("test").role == "no longer configured"
    assert "refused" in standing("test").advice
    assert standing("test", after=25 * HOUR).advice == "Nothing to do."


def test_the_next_roll_begins_anew(secrets: dict[str, str], settings: Settings) -> None:
    deliver_with(secrets["live.previous"], ago=HOUR)
    both = settings.STRIPE_WEBHOOK_SECRETS
    secrets_in_use.look()
    settings.STRIPE_WEBHOOK_SECRETS = [f"live:{secrets['live']}"]
    secrets_in_use.look()
    assert use_of("live.previous").configured_since is None

    settings.STRIPE_WEBHOOK_SECRETS = both
    secrets_in_use.look()

    since: datetime | None = use_of("live.previous").configured_since
    assert since is not None
    assert timezone.now() - since < HOUR


def test_ops_read_names_and_advice_and_no_secret(olgas_browser: Client, secrets: dict[str, str]) -> None:
    deliver_with(secrets["live.previous"])
    secrets_in_use.look()

    page = olgas_browser.get(reverse("admin:webhooks_signingsecretuse_changelist")).content.decode()

    assert "live.previous" in page
    assert "Not yet safe to remove" in page
    assert "never" in page
    assert not any(secret in page for secret in secrets.values())
