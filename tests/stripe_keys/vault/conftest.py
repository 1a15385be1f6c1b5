"""What the tests of the vault's rooms share."""

import os
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import boto3.session
import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws
from pytest_django import Settings

from stripe_keys.vault import DeliveryKey, aws_kms, new_delivery_key, vault_transit
from tests.stripe_keys.vault.remote import AN_ARN, PATIENCE
from tests.stripe_keys.vault.transit_stub import TransitStub

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient


@pytest.fixture(scope="session")
def ours() -> DeliveryKey:
    """The key that deliveries are made for; making one takes a while."""
    return new_delivery_key()


@pytest.fixture(scope="session")
def a_strangers() -> DeliveryKey:
    """A key of somebody else."""
    return new_delivery_key()


@pytest.fixture(scope="session")
def aws_files() -> Iterator[None]:
    """What botocore ships is read once, not for each client anew; it does not change."""
    with pytest.MonkeyPatch.context() as botocore:
        botocore.setattr(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture
def aws(aws_files: None, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    """Credentials in the environment, no machine's role, and clients of this test's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of AWS")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.KEY_SERVICE_TIMEOUT_SECONDS = PATIENCE
    settings.KEY_SERVICE = "aws-kms"
    settings.AWS_KMS_KEYS = [f"k1:{AN_ARN}"]
    yield
    aws_kms._client.cache_clear()


@pytest.fixture
def kms(aws: None) -> "Iterator[KMSClient]":
    """AWS's side."""
    with mock_aws():
        yield boto3.session.Session().client("kms", region_name="eu-central-1")


@pytest.fixture
def arn(kms: "KMSClient", settings: Settings) -> str:
    """A key at AWS that is configured as k1."""
    made = kms.create_key()["KeyMetadata"]["Arn"]
    settings.AWS_KMS_KEYS = [f"k1:{made}"]
    return made


@pytest.fixture
def transit(settings: Settings) -> Iterator[TransitStub]:
    """A Vault that the settings lead to."""
    stub = TransitStub(token="hvs." + os.urandom(12).hex())
    settings.KEY_SERVICE = "vault-transit"
    settings.KEY_SERVICE_TIMEOUT_SECONDS = PATIENCE
    settings.VAULT_TRANSIT_ADDRESS = stub.server.address
    settings.VAULT_TRANSIT_TOKEN = next(iter(stub.tokens))
    settings.VAULT_TRANSIT_KEY = "merchants"
    with stub.server:
        yield stub
    vault_transit._door_to.cache_clear()
