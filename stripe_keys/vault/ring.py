"""The key services of this site as one: new data keys go to the configured one, old ones are unwrapped by their own.

A `kek_id` names its service: `aws-kms/…`, `vault-transit/…`, or no slash at all for the keys of the settings. So moving
from one service to another is a rotation like any other.
"""

from functools import lru_cache
from importlib import import_module

from django.conf import settings

from stripe_keys.vault import local_keys
from stripe_keys.vault.errors import BadKeyMaterial, KeyEncryptionKeyMissing
from stripe_keys.vault.key_services import KeyContext, KeyService, Wrapped

# Imported when first used: their libraries are optional.
_SERVICES = {
    "local": ("stripe_keys.vault.local_keys", "LocalKeys"),
    "aws-kms": ("stripe_keys.vault.aws_kms", "AwsKms"),
    "vault-transit": ("stripe_keys.vault.vault_transit", "VaultTransit"),
}


@lru_cache(maxsize=len(_SERVICES))
def service(name: str) -> KeyService:
    """The key service of that name (KEY_SERVICE); it reads its own settings.

    Raises:
        BadKeyMaterial: there is none of that name, or its library is not installed.
    """
    if name not in _SERVICES:
        raise BadKeyMaterial(f"KEY_SERVICE must be one of {', '.join(_SERVICES)}.")
    module, class_name = _SERVICES[name]
    try:
        made: KeyService = getattr(import_module(module), class_name)()
    except ModuleNotFoundError as problem:
        raise BadKeyMaterial(
            f"KEY_SERVICE {name} needs the library {problem.name}; see the optional extras."
        ) from None
    return made


def check_key_material() -> None:
    """Prove that the settings name usable keys and a key service that has what it needs; nobody is asked.

    Raises:
        BadKeyMaterial: they do not; the message says which setting, and never a value.
    """
    local_keys.check_key_material()
    primary().kek_ids()


def primary() -> KeyService:
    """The service that wraps new data keys."""
    return service(settings.KEY_SERVICE)


def service_of(kek_id: str) -> KeyService:
    """The service that a key-encryption key belongs to."""
    name, slash, _ = kek_id.partition("/")
    if slash and name not in _SERVICES:
        raise KeyEncryptionKeyMissing(
            f"The key-encryption key {kek_id!r} belongs to no key service of this site."
        )
    return service(name if slash else "local")


def primary_kek_id() -> str:
    """The id of the key-encryption key that wraps new data keys."""
    return primary().primary_kek_id()


def kek_ids() -> list[str]:
    """Every key-encryption key that the settings name, as far as that is known without asking anybody."""
    return list(dict.fromkeys([*primary().kek_ids(), *service("local").kek_ids()]))


def wrap(context: KeyContext, data_key: bytes) -> Wrapped:
    """Wrap a data key with the primary key-encryption key."""
    return primary().wrap(context, data_key)


def unwrap(kek_id: str, context: KeyContext, blob: bytes) -> bytes:
    """Unwrap a data key with whichever key-encryption key wrapped it."""
    return service_of(kek_id).unwrap(kek_id, context, blob)
