"""One publishable key goes with the app's keys: made once, held up by nothing, holding up nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from stripe_keys.clients import NoPublishableKey, publishable_key
from stripe_keys.managed import publishing
from stripe_keys.models import KeyManagement, PublishableKey
from tests.people import merchant_of
from tests.stripe_keys.managed.conftest import Managed, both_modes

PATH = "/v2/iam/api_keys"


@pytest.fixture
def served(managed: Managed) -> Managed:
    """The app's key serves."""
    managed.choose_app()
    managed.work()
    return managed


def publishable_at_stripe(managed: Managed) -> list[str]:
    """The ids of the account's publishable keys."""
    keys = managed.at_stripe.admin.keys(managed.account)
    return [str(key["id"]) for key in keys if key["kind"] == "publishable"]


def try_again() -> None:
    """The job comes round when it is time to try again."""
    KeyManagement.objects.update(publishable_tried_at=timezone.now() - timedelta(days=2))
    publishing.publish_missing()


@both_modes
def test_partners_engineers_get_the_publishable_key(served: Managed) -> None:
    publishing.publish_missing()
    publishing.publish_missing()

    text = publishable_key(merchant=merchant_of(served.ada), livemode=served.livemode)
    assert text.startswith("pk_live_" if served.livemode else "pk_test_")
    assert publishable_at_stripe(served) == [PublishableKey.objects.get().stripe_key_id]


def test_none_is_made_before_a_secret_key_serves(managed: Managed) -> None:
    managed.choose_app()

    publishing.publish_missing()

    assert managed.asked() == []
    with pytest.raises(NoPublishableKey):
        publishable_key(merchant=merchant_of(managed.ada), livemode=managed.livemode)


def test_lost_answer_makes_no_second_one(served: Managed) -> None:
    served.at_stripe.admin.add_fault("reset", path=PATH, method="POST", moment="after")

    publishing.publish_missing()
    try_again()

    assert publishable_at_stripe(served) == [PublishableKey.objects.get().stripe_key_id]


def test_one_that_stripe_has_is_taken_even_when_the_call_is_forgotten(
    served: Managed, time_passes: Callable[[timedelta], None]
) -> None:
    publishing.publish_missing()
    made = PublishableKey.objects.get()
    made.delete()
    time_passes(timedelta(days=31))

    try_again()

    assert PublishableKey.objects.get().text == made.text
    assert publishable_at_stripe(served) == [made.stripe_key_id]


def test_refusal_is_tried_again_only_the_next_day_and_the_secret_key_serves(served: Managed) -> None:
    served.at_stripe.admin.switch(api_key_write_approved=False)
    asked = len(served.asked())

    publishing.publish_missing()
    publishing.publish_missing()

    assert len(served.asked()) == asked + 1
    assert served.key()
    assert not PublishableKey.objects.exists()


def test_uninstalled_account_is_not_asked(served: Managed) -> None:
    (install,) = (each for each in served.at_stripe.admin.installs() if each["account"] == served.account)
    served.at_stripe.admin.uninstall(str(install["id"]))
    asked = served.asked()

    publishing.publish_missing()

    assert served.asked() == asked
