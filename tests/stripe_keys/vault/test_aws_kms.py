"""AWS KMS as key service: what it wraps opens there alone, and its troubles condemn no row."""

import json
import logging
import os
import time
from typing import TYPE_CHECKING

import boto3.session
import pytest
from moto import mock_aws
from pytest_django import Settings

from stripe_keys.vault.aws_kms import AwsKms
from stripe_keys.vault.errors import KeyEncryptionKeyMissing, KeyServiceAway, VaultError, WillNotOpen
from stripe_keys.vault.key_services import KeyContext, Wrapped
from tests.stripe_keys.rotation.stored import flip_last_bit
from tests.stripe_keys.vault.answering import Answer, Answering, Asked
from tests.stripe_keys.vault.remote import AN_ARN, DATA_KEY, HERE, SITE, trouble_with
from tests.waiting import NOT_FOR_EVER

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

pytestmark = pytest.mark.usefixtures("aws")
# AWS's own name of an error, and the status that comes with it.
MISSING = [
    ("NotFoundException", 400),
    ("DisabledException", 400),
    ("KMSInvalidStateException", 400),
    ("InvalidKeyUsageException", 400),
    ("AccessDeniedException", 400),
]
AWAY = [
    ("ThrottlingException", 400),
    ("DependencyTimeoutException", 500),
    ("KMSInternalException", 500),
    ("KeyUnavailableException", 500),
    ("ExpiredTokenException", 403),
    ("UnrecognizedClientException", 400),
    ("SomethingNewException", 400),
    ("", 503),
]


@pytest.fixture
def wrapped(arn: str) -> Wrapped:
    """A data key under k1."""
    return AwsKms().wrap(HERE, DATA_KEY)


def refusal(code: str, status: int, message: str = "") -> Answer:
    """An error as AWS words it."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return Answer(status, body, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "1"})


def test_what_is_wrapped_opens_again(arn: str) -> None:
    for context in (HERE, SITE):
        wrapped = AwsKms().wrap(context, DATA_KEY)

        assert wrapped.kek_id == "aws-kms/k1"
        assert DATA_KEY not in wrapped.blob
        assert AwsKms().unwrap(wrapped.kek_id, context, wrapped.blob) == DATA_KEY


def test_kms_hears_of_the_place_in_strings_that_are_not_empty(settings: Settings) -> None:
    with Answering(lambda asked: refusal("NotFoundException", 400)) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address
        for context in (HERE, SITE):
            with pytest.raises(KeyEncryptionKeyMissing):
                AwsKms().wrap(context, DATA_KEY)

    merchants, sites = (json.loads(asked.body)["EncryptionContext"] for asked in kms.asked)
    environment = settings.SITE_ENVIRONMENT
    assert merchants == {"kind": "data-key", "owner": "1", "version": "1", "environment": environment}
    assert sites == {"kind": "site-data-key", "version": "1", "environment": environment}


def test_it_opens_in_its_own_place_only(wrapped: Wrapped) -> None:
    for other in (
        KeyContext("data-key", "2", 1),
        KeyContext("data-key", "1", 2),
        KeyContext("data-key", "", 1),
        SITE,
    ):
        assert isinstance(trouble_with(AwsKms(), wrapped, other), WillNotOpen)


def test_altered_bytes_do_not_open(wrapped: Wrapped) -> None:
    for altered in (flip_last_bit(wrapped.blob), wrapped.blob[:20], b"", bytes(7000)):
        assert isinstance(trouble_with(AwsKms(), Wrapped(wrapped.kek_id, altered)), WillNotOpen)


def test_a_second_key_wraps_once_it_is_first_and_the_old_one_still_opens(
    kms: "KMSClient", arn: str, wrapped: Wrapped, settings: Settings
) -> None:
    settings.AWS_KMS_KEYS = [f"k2:{kms.create_key()['KeyMetadata']['Arn']}", f"k1:{arn}"]

    assert AwsKms().primary_kek_id() == AwsKms().wrap(HERE, DATA_KEY).kek_id == "aws-kms/k2"
    assert AwsKms().kek_ids() == ["aws-kms/k2", "aws-kms/k1"]
    assert AwsKms().unwrap("aws-kms/k1", HERE, wrapped.blob) == DATA_KEY
    with pytest.raises(VaultError):
        AwsKms().unwrap("aws-kms/k2", HERE, wrapped.blob)


def test_keys_live_in_the_region_that_their_arn_names(settings: Settings) -> None:
    with mock_aws():
        for region in ("us-east-1", "eu-west-3"):
            far = boto3.session.Session().client("kms", region_name=region)
            settings.AWS_KMS_KEYS = [f"far:{far.create_key()['KeyMetadata']['Arn']}"]

            AwsKms().health()


def test_a_key_that_is_not_configured_is_missing(wrapped: Wrapped, settings: Settings) -> None:
    for listed in ([], [f"k2:{AN_ARN}"]):
        settings.AWS_KMS_KEYS = listed

        trouble = trouble_with(AwsKms(), wrapped)

        assert isinstance(trouble, KeyEncryptionKeyMissing)
        assert "aws-kms/k1" in str(trouble)


def test_a_key_that_aws_does_not_know_is_missing(wrapped: Wrapped, arn: str, settings: Settings) -> None:
    settings.AWS_KMS_KEYS = [f"k1:{arn[:-4]}0000"]

    assert isinstance(trouble_with(AwsKms(), wrapped), KeyEncryptionKeyMissing)
    with pytest.raises(KeyEncryptionKeyMissing, match="aws-kms/k1"):
        AwsKms().health()


@pytest.mark.parametrize(
    ("code", "status"), [("InvalidCiphertextException", 400), ("IncorrectKeyException", 400)]
)
def test_what_aws_says_does_not_open_will_not(settings: Settings, code: str, status: int) -> None:
    with Answering(lambda asked: refusal(code, status)) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address

        assert isinstance(trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x")), WillNotOpen)

    assert json.loads(kms.asked[0].body)["KeyId"] == AN_ARN, "no other key is tried"


@pytest.mark.parametrize(("code", "status"), MISSING)
def test_a_key_that_cannot_be_used_is_missing(settings: Settings, code: str, status: int) -> None:
    """moto lets disabled and half deleted keys work; these are AWS's answers."""
    with Answering(lambda asked: refusal(code, status)) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address

        trouble = trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x"))

        with pytest.raises(KeyEncryptionKeyMissing):
            AwsKms().wrap(HERE, DATA_KEY)
    assert isinstance(trouble, KeyEncryptionKeyMissing)
    assert "aws-kms/k1" in str(trouble)


@pytest.mark.parametrize(("code", "status"), AWAY)
def test_while_aws_is_in_trouble_nothing_is_known(settings: Settings, code: str, status: int) -> None:
    with Answering(lambda asked: refusal(code, status)) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address

        assert isinstance(trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x")), KeyServiceAway)

    assert len(kms.asked) <= 2, "one retry at most"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Sign in to the hotel</html>"),
        Answer(200, b"[]"),
        Answer(200, b"{}"),
        Answer(200, b'{"Plaintext": "not base64!"}'),
        Answer(502, b"<html>"),
        Answer(307, headers={"Location": "http://127.0.0.1:9/"}),
        None,
    ],
    ids=lambda answer: answer.body.decode()[:16] if answer else "silence",
)
def test_what_answers_in_the_place_of_aws_proves_nothing(settings: Settings, answer: Answer | None) -> None:
    began = time.monotonic()
    with Answering(lambda asked: answer) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address

        assert isinstance(trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x")), KeyServiceAway)

    assert time.monotonic() - began < NOT_FOR_EVER


def test_nobody_listens(settings: Settings) -> None:
    with Answering(lambda asked: None) as closed:
        settings.AWS_KMS_ENDPOINT = closed.address
    began = time.monotonic()

    assert isinstance(trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x")), KeyServiceAway)
    with pytest.raises(KeyServiceAway):
        AwsKms().health()

    assert time.monotonic() - began < NOT_FOR_EVER


def test_an_endpoint_that_is_no_address_is_a_service_that_is_away(settings: Settings) -> None:
    settings.AWS_KMS_ENDPOINT = "not an address"

    assert isinstance(trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x")), KeyServiceAway)


def test_without_credentials_nothing_is_known(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    trouble = trouble_with(AwsKms(), Wrapped("aws-kms/k1", b"x"))

    assert isinstance(trouble, KeyServiceAway)
    assert "credentials" in str(trouble)


def test_neither_what_aws_says_nor_what_it_is_asked_is_repeated(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    blob = b"the wrapped data key"
    told = "AKIDEXAMPLE a secret of AWS " + blob.decode()

    def echo(asked: Asked) -> Answer:
        return refusal(codes[len(kms.asked) % len(codes)], 400, told + asked.body.decode())

    codes = [code for code, _ in [*MISSING, *AWAY]] + ["InvalidCiphertextException", told]
    caplog.set_level(logging.DEBUG)
    with Answering(echo) as kms:
        settings.AWS_KMS_ENDPOINT = kms.address
        said = [str(trouble_with(AwsKms(), Wrapped("aws-kms/k1", blob))) for _ in codes]

    everything = "\n".join([*said, caplog.text])
    for secret in ("AKIDEXAMPLE", "a secret of AWS", "the wrapped data key", "dGhlIHdyYXBwZWQgZGF0YSBrZXk="):
        assert secret not in everything
