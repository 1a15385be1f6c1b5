"""Key-encryption keys that AWS KMS holds and never gives away: `aws-kms/<id>`, ids and ARNs from AWS_KMS_KEYS."""

import logging
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import boto3.session
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

from stripe_keys.vault.errors import (
    BadKeyMaterial,
    KeyEncryptionKeyMissing,
    KeyServiceAway,
    VaultError,
    WillNotOpen,
)
from stripe_keys.vault.key_services import KeyContext, Wrapped, prove_round_trip
from stripe_keys.vault.local_keys import is_key_id

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

# At level DEBUG botocore logs the bodies of requests and answers, data keys included.
logging.getLogger("botocore").setLevel(logging.WARNING)

_PREFIX: Final = "aws-kms/"
# Not an alias: it may be pointed at another key, and everything stored would look damaged.
_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")
_LONGEST_CIPHERTEXT = 6144  # AWS's own limit; what is longer never came from there
_DAMAGED = ("InvalidCiphertextException", "IncorrectKeyException")
_UNUSABLE = {
    "NotFoundException": "AWS KMS has no such key",
    "DisabledException": "it is disabled; enable it",
    "KMSInvalidStateException": "it is not in use at AWS KMS, perhaps pending deletion; cancel that at once",
    "InvalidKeyUsageException": "it is not a symmetric key for encryption",
    "AccessDeniedException": "AWS does not let this site use it; see its key policy and the site's role",
}
_BAD_CREDENTIALS = (
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)


@lru_cache(maxsize=8)
def _arns(listed: tuple[str, ...]) -> dict[str, str]:
    arns: dict[str, str] = {}
    for entry in listed:
        key_id, _, arn = entry.partition(":")
        if not is_key_id(key_id) or not _ARN.fullmatch(arn):
            raise BadKeyMaterial(
                "AWS_KMS_KEYS wants `id:ARN` of keys, not of aliases, the primary key first."
            )
        if _PREFIX + key_id in arns:
            raise BadKeyMaterial(f"AWS_KMS_KEYS: two keys are called {key_id!r}.")
        arns[_PREFIX + key_id] = arn
    if not arns:
        raise BadKeyMaterial("AWS_KMS_KEYS is empty.")
    return arns


def configured_arns() -> dict[str, str]:
    """The ARN of each configured key by `kek_id`, the primary first; raises BadKeyMaterial."""
    return _arns(tuple(settings.AWS_KMS_KEYS))


@lru_cache(maxsize=8)
def _client(region: str, endpoint: str, seconds: float) -> "KMSClient":
    """A session of its own, for boto3's shared one is not made for threads; the client is.

    Two attempts share the seconds that one call may take.
    """
    config = Config(  # type: ignore[call-arg]  # the stubs are older than the last of these
        connect_timeout=seconds / 2,
        read_timeout=seconds / 2,
        retries={"mode": "standard", "total_max_attempts": 2},
        ignore_configured_endpoint_urls=True,  # AWS_KMS_ENDPOINT alone is checked for TLS
    )
    return boto3.session.Session().client(
        "kms", region_name=region, endpoint_url=endpoint or None, config=config
    )


def _client_for(arn: str) -> "KMSClient":
    """A key lives in the region that its ARN names, whatever the environment says."""
    region = arn.split(":")[3]
    return _client(region, settings.AWS_KMS_ENDPOINT, settings.KEY_SERVICE_TIMEOUT_SECONDS)


def _pairs(context: KeyContext) -> dict[str, str]:
    """KMS takes no empty strings. The names are always the same, so a missing pair can only mean an empty one."""
    return {name: value for name, value in context.as_pairs().items() if value}


class AwsKms:
    """Key-encryption keys in AWS KMS: a KeyService."""

    def primary_kek_id(self) -> str:
        """The first id in AWS_KMS_KEYS."""
        return next(iter(configured_arns()))

    def kek_ids(self) -> list[str]:
        """Every id in AWS_KMS_KEYS."""
        return list(configured_arns())

    def wrap(self, context: KeyContext, data_key: bytes) -> Wrapped:
        """Encrypted by KMS, which shows the context in its own log (CloudTrail)."""
        kek_id = self.primary_kek_id()
        arn = configured_arns()[kek_id]

        def encrypt() -> bytes:
            answer = _client_for(arn).encrypt(
                KeyId=arn, Plaintext=data_key, EncryptionContext=_pairs(context)
            )
            return answer["CiphertextBlob"]

        return Wrapped(kek_id, _answer(kek_id, encrypt))

    def unwrap(self, kek_id: str, context: KeyContext, blob: bytes) -> bytes:
        """Decrypted by that very key; KMS would otherwise take any key that the site may use."""
        arn = configured_arns().get(kek_id) if settings.AWS_KMS_KEYS else None
        if arn is None:
            raise KeyEncryptionKeyMissing(
                f"The key-encryption key {kek_id!r} is not configured: see AWS_KMS_KEYS."
            )
        if not 0 < len(blob) <= _LONGEST_CIPHERTEXT:
            raise WillNotOpen("The wrapped data key is not what AWS KMS makes.")

        def decrypt() -> bytes:
            answer = _client_for(arn).decrypt(
                KeyId=arn, CiphertextBlob=blob, EncryptionContext=_pairs(context)
            )
            return answer["Plaintext"]

        return _answer(kek_id, decrypt)

    def health(self) -> None:
        """Wrap and unwrap something."""
        prove_round_trip(self)


def _answer(kek_id: str, ask: Callable[[], bytes]) -> bytes:
    """What `ask` returns. Its errors quote requests and answers: ours are raised where they are no longer at hand."""
    try:
        return ask()
    except ClientError as refusal:
        trouble = _meaning(kek_id, refusal)
    except (
        Exception
    ) as problem:  # botocore's own have no common base, and its parsers stumble over a proxy's page
        trouble = KeyServiceAway(
            f"AWS KMS could not be asked or did not answer ({type(problem).__name__}): see AWS_KMS_ENDPOINT, the"
            " network and the site's AWS credentials."
        )
    raise trouble


def _meaning(kek_id: str, refusal: ClientError) -> VaultError:
    code = str(refusal.response.get("Error", {}).get("Code", ""))
    if code in _DAMAGED:
        return WillNotOpen(f"AWS KMS does not open a wrapped data key of {kek_id!r}.")
    if code in _UNUSABLE:
        return KeyEncryptionKeyMissing(
            f"The key-encryption key {kek_id!r} cannot be used: {_UNUSABLE[code]}."
        )
    if code in _BAD_CREDENTIALS:
        return KeyServiceAway(f"AWS KMS does not accept the site's AWS credentials ({code}): renew them.")
    status = refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return KeyServiceAway(f"AWS KMS did not do what it was asked (HTTP status {status}): try again later.")
