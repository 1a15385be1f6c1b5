"""`manage.py check` says in a sentence what a key service lacks, and asks nobody."""

import pytest
from pytest_django import Settings

from stripe_keys.checks import check_key_material
from tests.stripe_keys.vault.remote import AN_ARN
from tests.stripe_keys.vault.transit_stub import TransitStub


@pytest.mark.parametrize(
    "listed",
    [
        [],
        ["k1"],
        ["k1:"],
        [AN_ARN],
        [f":{AN_ARN}"],
        [f"a/b:{AN_ARN}"],
        [f"{'k' * 41}:{AN_ARN}"],
        ["k1:0000"],
        ["k1:arn:aws:kms:eu-central-1:111122223333:alias/merchants"],
        [f"k1:{AN_ARN}", f"k1:{AN_ARN}"],
    ],
)
def test_manage_py_check_says_what_is_wrong_with_the_listed_keys(
    aws: None, settings: Settings, listed: list[str]
) -> None:
    assert check_key_material() == []
    settings.AWS_KMS_KEYS = listed

    [problem] = check_key_material()

    assert problem.id == "stripe_keys.E002"
    assert "AWS_KMS_KEYS" in problem.msg


def test_manage_py_check_knows_which_services_there_are(aws: None, settings: Settings) -> None:
    settings.KEY_SERVICE = "gcp-kms"

    [problem] = check_key_material()

    assert "KEY_SERVICE must be one of local, aws-kms, vault-transit" in problem.msg


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("VAULT_TRANSIT_ADDRESS", ""),
        ("VAULT_TRANSIT_ADDRESS", "vault.example.com"),
        ("VAULT_TRANSIT_TOKEN", ""),
        ("VAULT_TRANSIT_MOUNT", ""),
        ("VAULT_TRANSIT_KEY", ""),
        ("VAULT_TRANSIT_KEY", "a/b"),
    ],
)
def test_manage_py_check_says_what_is_missing(
    transit: TransitStub, settings: Settings, setting: str, value: str
) -> None:
    assert check_key_material() == []
    setattr(settings, setting, value)

    [problem] = check_key_material()

    assert problem.id == "stripe_keys.E002"
    assert setting in problem.msg
    assert transit.actions == [], "a check asks nobody"
