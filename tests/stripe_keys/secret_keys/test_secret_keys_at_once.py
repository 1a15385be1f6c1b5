"""Two people at the page about the old secret key at once: no page fails, and the last word stands."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from stripe_keys import secret_key_migration
from stripe_keys.models import SecretKeyMigration
from tests import people
from tests.people import merchant_of
from tests.stripe_keys.test_turns import cross

pytestmark = pytest.mark.django_db(transaction=True)


def test_saying_dead_while_a_colleague_takes_that_back_is_recorded_anew(ada: User, ben: User) -> None:
    merchant, browser, answers = merchant_of(ada), people.a_client_of(ben), list[Any]()
    said: dict[str, Any] = {"merchant": merchant, "livemode": True, "user": ada, "now": timezone.now()}
    secret_key_migration.confirm_dead(**said)

    cross(
        lambda: secret_key_migration.take_back(**said),
        lambda: answers.append(browser.post("/stripe/migrate/live/dead/", {"printed": "dead"})),
        lambda: None,
    )

    assert [answer.status_code for answer in answers] == [303]
    assert SecretKeyMigration.objects.get(taken_back_at=None).proven_by == ben
