"""A wrong or missing fingerprint key is noticed at the start; else nothing would be recognised, and nobody told."""

import pytest
from pytest_django import Settings

from accounts.models import User
from partner_site.startup import problems_with_keys
from stripe_keys import vault
from stripe_keys.checks import check_key_encryption_keys
from stripe_keys.models import FingerprintCanary
from tests.people import a_restricted_key
from tests.production import an_encryption_key
from tests.stripe_keys.keys import paste

pytestmark = pytest.mark.django_db


def test_a_start_makes_one_canary_for_each_fingerprint_key(settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = [an_encryption_key("f2"), an_encryption_key("f1")]

    assert problems_with_keys() == []
    assert problems_with_keys() == []

    assert sorted(FingerprintCanary.objects.values_list("key_id", flat=True)) == ["f1", "f2"]


def test_another_key_of_the_same_name_keeps_the_site_from_starting(settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = [an_encryption_key("f1")]
    problems_with_keys()
    settings.FINGERPRINT_KEYS = [an_encryption_key("f2"), an_encryption_key("f1")]

    [problem] = problems_with_keys()

    assert "'f1' is not the one" in problem
    assert "stripe_keys.E007" in [message.id for message in check_key_encryption_keys()]
    with pytest.raises(vault.WrongFingerprintKey):
        vault.ensure_fingerprint_canaries()


def test_a_fingerprint_key_that_was_dropped_is_told(ada: User, settings: Settings) -> None:
    paste(ada, a_restricted_key())
    old = vault.primary_fingerprint_key_id()
    settings.FINGERPRINT_KEYS = [an_encryption_key("f2")]

    [message] = [each for each in check_key_encryption_keys() if each.id == "stripe_keys.W002"]

    assert repr(old) in message.msg
    assert problems_with_keys() == [], "keys are opened and stored all the same"
