"""HashiCorp Vault as key service: what it wraps opens there alone, and its troubles condemn no row."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from stripe_keys import vault
from stripe_keys.checks import check_key_material
from stripe_keys.models import KekCanary, MerchantDataKey
from stripe_keys.vault import data_keys, vault_transit
from stripe_keys.vault.errors import (
    BadKeyMaterial,
    KeyEncryptionKeyMissing,
    KeyServiceAway,
    VaultError,
    WillNotOpen,
)
from stripe_keys.vault.key_services import KeyContext, Wrapped
from stripe_keys.vault.vault_transit import VaultTransit
from tests.stripe_keys.rotation.stored import many_stored_keys, run
from tests.stripe_keys.vault.answering import Answer, Answering
from tests.stripe_keys.vault.transit_stub import FAULTS, TransitKey, TransitStub

HERE = KeyContext("data-key", "1", 1)
SITE = KeyContext("site-data-key", "", 1)
DATA_KEY = os.urandom(32)
V1, V2 = "vault-transit/merchants:v1", "vault-transit/merchants:v2"
PATIENCE = 0.3


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


@pytest.fixture
def wrapped(transit: TransitStub) -> Wrapped:
    """A data key under the first version."""
    return VaultTransit().wrap(HERE, DATA_KEY)


def trouble_with(wrapped: Wrapped, context: KeyContext = HERE) -> VaultError:
    """What unwrapping ends with; nobody who looks at it finds what Vault was asked or said."""
    with pytest.raises(VaultError) as caught:
        VaultTransit().unwrap(wrapped.kek_id, context, wrapped.blob)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("context", [HERE, SITE])
def test_what_is_wrapped_opens_again(transit: TransitStub, context: KeyContext) -> None:
    wrapped = VaultTransit().wrap(context, DATA_KEY)

    assert wrapped.kek_id == V1
    assert wrapped.blob.startswith(b"vault:v1:")
    assert VaultTransit().unwrap(wrapped.kek_id, context, wrapped.blob) == DATA_KEY


def test_it_opens_in_its_own_place_only(wrapped: Wrapped) -> None:
    for other in (KeyContext("data-key", "2", 1), KeyContext("data-key", "1", 2), SITE):
        assert isinstance(trouble_with(wrapped, other), WillNotOpen)


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: blob[:-6] + (b"AAAA" if blob[-6:-2] != b"AAAA" else b"BBBB") + blob[-2:],
        lambda blob: blob[:10],
        lambda blob: b"",
        lambda blob: b"\xff" + blob,
        lambda blob: blob.replace(b"vault:v1:", b"vault:v2:"),
        lambda blob: blob.replace(b"vault:v1:", b"vault:v0:"),
        lambda blob: blob.replace(b"vault:v1:", b"vault:v01:"),
        lambda blob: blob + b"\n",
    ],
)
def test_altered_bytes_do_not_open(transit: TransitStub, wrapped: Wrapped, damage: object) -> None:
    transit.key.rotate()
    assert callable(damage)

    assert isinstance(trouble_with(Wrapped(V1, damage(wrapped.blob))), WillNotOpen)


def test_a_moved_version_does_not_open(transit: TransitStub, wrapped: Wrapped) -> None:
    transit.key.rotate()
    asked = len(transit.actions)

    assert isinstance(trouble_with(Wrapped(V2, wrapped.blob)), WillNotOpen)
    assert len(transit.actions) == asked, "Vault need not be asked"


def test_a_rotation_in_vault_wraps_under_the_new_version_and_the_old_one_still_opens(
    transit: TransitStub, wrapped: Wrapped
) -> None:
    assert VaultTransit().primary_kek_id() == V1
    transit.key.rotate()

    newer = VaultTransit().wrap(HERE, DATA_KEY)

    assert newer.kek_id == V2
    assert VaultTransit().primary_kek_id() == V2, "the answer to a wrap tells of the rotation"
    assert VaultTransit().kek_ids() == [V2, V1]
    assert VaultTransit().unwrap(V1, HERE, wrapped.blob) == DATA_KEY


def test_the_newest_version_is_asked_for_now_and_then_only(
    transit: TransitStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert VaultTransit().kek_ids() == []
    for _ in range(3):
        VaultTransit().primary_kek_id()
        VaultTransit().wrap(HERE, DATA_KEY)
    assert transit.actions == ["keys", "encrypt", "decrypt", "encrypt", "encrypt"]
    transit.key.rotate()
    assert VaultTransit().primary_kek_id() == V1

    monkeypatch.setattr(vault_transit, "REMEMBERED_SECONDS", 0.0)

    assert VaultTransit().primary_kek_id() == V2


def test_a_version_that_vault_no_longer_decrypts_with_is_missing(
    transit: TransitStub, wrapped: Wrapped
) -> None:
    transit.key.rotate()
    transit.key.min_decryption_version = 2

    trouble = trouble_with(wrapped)

    assert isinstance(trouble, KeyEncryptionKeyMissing)
    assert V1 in str(trouble)
    VaultTransit().health()
    assert VaultTransit().kek_ids() == [V2]


def test_a_version_that_vault_has_lost_is_missing(transit: TransitStub) -> None:
    transit.key.rotate()
    wrapped = VaultTransit().wrap(HERE, DATA_KEY)
    transit.key.versions.pop()

    assert isinstance(trouble_with(wrapped), KeyEncryptionKeyMissing)


def test_a_deleted_key_is_missing(transit: TransitStub, wrapped: Wrapped) -> None:
    del transit.keys["merchants"]
    vault_transit._door_to.cache_clear()

    assert isinstance(trouble_with(wrapped), KeyEncryptionKeyMissing)
    for asked in (VaultTransit().primary_kek_id, VaultTransit().health):
        with pytest.raises(KeyEncryptionKeyMissing, match="vault-transit/merchants"):
            asked()
    with pytest.raises(KeyEncryptionKeyMissing):
        VaultTransit().wrap(HERE, DATA_KEY)


@pytest.mark.parametrize(
    "kek_id", ["vault-transit/merchants", "vault-transit/../sys:v1", "vault-transit/a:v0"]
)
def test_a_name_that_is_none_of_vaults_is_missing(transit: TransitStub, kek_id: str) -> None:
    assert isinstance(trouble_with(Wrapped(kek_id, b"vault:v1:AAAA")), KeyEncryptionKeyMissing)
    assert transit.actions == []


def test_a_key_of_another_name_still_opens_what_it_wrapped(
    transit: TransitStub, wrapped: Wrapped, settings: Settings
) -> None:
    transit.keys["next"] = TransitKey()
    settings.VAULT_TRANSIT_KEY = "next"

    assert VaultTransit().primary_kek_id() == "vault-transit/next:v1"
    assert VaultTransit().unwrap(V1, HERE, wrapped.blob) == DATA_KEY


def test_a_refused_token_leaves_the_key_missing(
    transit: TransitStub,
    wrapped: Wrapped,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "token"
    file.write_text(settings.VAULT_TRANSIT_TOKEN)
    monkeypatch.setenv("VAULT_TRANSIT_TOKEN_FILE", str(file))
    transit.tokens.clear()
    before = len(transit.actions)

    trouble = trouble_with(wrapped)

    assert isinstance(trouble, KeyEncryptionKeyMissing)
    assert "token" in str(trouble)
    assert len(transit.actions) - before == 1, "the same token is not tried again"


def test_a_token_that_an_agent_renews_is_read_again(
    transit: TransitStub, wrapped: Wrapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.renewed\n")
    monkeypatch.setenv("VAULT_TRANSIT_TOKEN_FILE", str(file))
    transit.tokens = {"hvs.renewed"}
    before = len(transit.actions)

    assert VaultTransit().unwrap(wrapped.kek_id, HERE, wrapped.blob) == DATA_KEY
    assert VaultTransit().unwrap(wrapped.kek_id, HERE, wrapped.blob) == DATA_KEY

    assert len(transit.actions) - before == 3, "refused, then with the new one, which is kept"


@pytest.mark.parametrize("content", [None, "hvs.also refused\n", "not \u2603 latin"])
def test_a_token_file_that_does_not_help_changes_nothing(
    transit: TransitStub,
    wrapped: Wrapped,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("VAULT_TRANSIT_TOKEN_FILE", str(file))
    transit.tokens.clear()

    trouble = trouble_with(wrapped)

    assert isinstance(trouble, KeyEncryptionKeyMissing | KeyServiceAway)
    assert content is None or content.strip() not in str(trouble)


@pytest.mark.parametrize("fault", FAULTS)
def test_while_vault_is_in_trouble_nothing_is_known(
    transit: TransitStub, wrapped: Wrapped, fault: str
) -> None:
    transit.fault = fault
    vault_transit._door_to.cache_clear()
    began = time.monotonic()

    assert isinstance(trouble_with(wrapped), KeyServiceAway)

    with pytest.raises(KeyServiceAway):
        VaultTransit().wrap(HERE, DATA_KEY)
    if fault != "numbers":
        with pytest.raises((KeyServiceAway, BadKeyMaterial)):
            VaultTransit().primary_kek_id()
    assert time.monotonic() - began < 3 * PATIENCE + 2


def test_nobody_listens(transit: TransitStub, wrapped: Wrapped, settings: Settings) -> None:
    with Answering(lambda asked: None) as closed:
        settings.VAULT_TRANSIT_ADDRESS = closed.address

    assert isinstance(trouble_with(wrapped), KeyServiceAway)


def test_a_redirect_is_not_followed_with_the_token(transit: TransitStub, wrapped: Wrapped) -> None:
    with Answering(lambda asked: Answer(200, b"{}")) as elsewhere:
        transit.redirect_to = elsewhere.address

        trouble = trouble_with(wrapped)

    assert isinstance(trouble, KeyServiceAway)
    assert "active node" in str(trouble)
    assert elsewhere.asked == []


def test_what_vault_says_is_not_repeated(
    transit: TransitStub, wrapped: Wrapped, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"{settings.VAULT_TRANSIT_TOKEN} {wrapped.blob.decode()}"
    for status in (400, 403, 404, 418, 500, 503):
        body = ('{"errors": ["' + told + ' invalid ciphertext"]}').encode()
        monkeypatch.setitem(FAULTS, "echo", Answer(status, body))
        transit.fault = "echo"

        said = str(trouble_with(wrapped))

        assert settings.VAULT_TRANSIT_TOKEN not in said
        assert wrapped.blob.decode() not in said


def test_a_namespace_is_sent(transit: TransitStub, settings: Settings) -> None:
    transit.namespace = "partners"
    with pytest.raises(KeyEncryptionKeyMissing):
        VaultTransit().health()

    settings.VAULT_TRANSIT_NAMESPACE = "partners"

    VaultTransit().health()


def test_health_is_a_round_trip(transit: TransitStub) -> None:
    VaultTransit().health()

    assert transit.actions == ["keys", "encrypt", "decrypt", "decrypt"]


def test_a_vault_that_ignores_associated_data_is_refused(transit: TransitStub) -> None:
    transit.binds = False

    with pytest.raises(BadKeyMaterial, match=r"1\.13"):
        VaultTransit().wrap(HERE, DATA_KEY)


@pytest.mark.parametrize("key", [TransitKey(type="rsa-4096"), TransitKey(derived=True)])
def test_a_key_of_another_kind_is_refused(transit: TransitStub, key: TransitKey) -> None:
    transit.keys["merchants"] = key

    with pytest.raises(BadKeyMaterial, match="aes256-gcm96"):
        VaultTransit().primary_kek_id()


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


@pytest.mark.django_db
def test_a_rotation_in_vault_is_a_rotation_here(transit: TransitStub) -> None:
    keys = many_stored_keys(3)
    transit.key.rotate()
    vault_transit._door_to.cache_clear()  # as in a fresh process

    ran = run("rewrap_data_keys")

    assert not ran.failed
    assert f"0 rows on kek {V1}" in ran.output
    assert MerchantDataKey.objects.counts_by_kek_id() == {V2: 3}
    assert set(KekCanary.objects.values_list("kek_id", flat=True)) == {V1, V2}
    transit.key.min_decryption_version = 2
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


@pytest.mark.django_db
def test_keys_move_from_the_settings_to_vault_and_back(transit: TransitStub, settings: Settings) -> None:
    settings.KEY_SERVICE = "local"
    keys = many_stored_keys(2)
    settings.KEY_SERVICE = "vault-transit"
    there = run("rewrap_data_keys")
    assert MerchantDataKey.objects.counts_by_kek_id() == {V1: 2}
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]

    settings.KEY_SERVICE = "local"
    back = run("rewrap_data_keys")

    assert not there.failed
    assert not back.failed
    transit.fault = "sealed"
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]
