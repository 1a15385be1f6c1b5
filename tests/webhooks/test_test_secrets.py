"""A secret whose name says that it is for tests signs no live events."""

import pytest
from pytest_django import Settings

from accounts.models import Notice
from tests.people import a_signing_secret
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks import signature
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("test", False), ("thin-test", False), ("TEST_thin", False), ("live", True), ("latest", True)],
)
def test_live_event_is_taken_from_secrets_of_live_endpoints_alone(
    settings: Settings, name: str, is_taken: bool
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [f"{name}:{a_signing_secret()}"]

    answers = [deliver_event(a_notification(livemode=livemode)).status_code for livemode in (True, False)]

    assert answers == [200 if is_taken else 400, 200]
    assert EventNotification.objects.filter(livemode=True).exists() == is_taken
    assert Notice.objects.exists() != is_taken


def test_name_that_may_mean_either_is_refused_at_start_up(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [f"livetest:{a_signing_secret()}"]

    [refusal] = signature.check_secrets()

    assert "livetest" in refusal.msg
