"""HashiCorp Vault as key service: what it wraps opens there alone, and its troubles condemn no row."""

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from stripe_keys.vault import vault_transit
from stripe_keys.vault.errors import (
    BadKeyMaterial,
    KeyEncryptionKeyMissing,
    KeyServiceAway,
    WillNotOpen,
)
from stripe_keys.vault.key_services import KeyContext, Wrapped
from stripe_keys.vault.vault_transit import VaultTransit
from tests.stripe_keys.vault.answering import Answer, Answering
from tests.stripe_keys.vault.remote import DATA_KEY, HERE, SITE, trouble_with
from tests.stripe_keys.vault.transit_stub import FAULTS, TransitKey, TransitStub
from tests.waiting import NOT_FOR_EVER

V1, V2 = "vault-transit/merchants:v1", "vault-transit/merchants:v2"


@pytest.fixture
def wrapped(transit: TransitStub) -> Wrapped:
    """A data key under the first version."""
    return VaultTransit().wrap(HERE, DATA_KEY)


@pytest.mark.parametrize("context", [HERE, SITE])
def test_what_is_wrapped_opens_again(transit: TransitStub, context: KeyContext) -> None:
    wrapped = VaultTransit().wrap(context, DATA_KEY)

    assert wrapped.kek_id == V1
    assert wrapped.blob.startswith(b"vault:v1:")
    assert VaultTransit().unwrap(wrapped.kek_id, context, wrapped.blob) == DATA_KEY


def test_it_opens_in_its_own_place_only(wrapped: Wrapped) -> None:
    for other in (KeyContext("data-key", "2", 1), KeyContext("data-key", "1", 2), SITE):
        assert isinstance(trouble_with(VaultTransit(), wrapped, other), WillNotOpen)


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

    assert isinstance(trouble_with(VaultTransit(), Wrapped(V1, damage(wrapped.blob))), WillNotOpen)


def test_a_moved_version_does_not_open(transit: TransitStub, wrapped: Wrapped) -> None:
    transit.key.rotate()
    asked = len(transit.actions)

    assert isinstance(trouble_with(VaultTransit(), Wrapped(V2, wrapped.blob)), WillNotOpen)
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

    trouble = trouble_with(VaultTransit(), wrapped)

    assert isinstance(trouble, KeyEncryptionKeyMissing)
    assert V1 in str(trouble)
    VaultTransit().health()
    assert VaultTransit().kek_ids() == [V2]


def test_a_version_that_vault_has_lost_is_missing(transit: TransitStub) -> None:
    transit.key.rotate()
    wrapped = VaultTransit().wrap(HERE, DATA_KEY)
    transit.key.versions.pop()

    assert isinstance(trouble_with(VaultTransit(), wrapped), KeyEncryptionKeyMissing)


def test_a_deleted_key_is_missing(transit: TransitStub, wrapped: Wrapped) -> None:
    del transit.keys["merchants"]
    vault_transit._door_to.cache_clear()

    assert isinstance(trouble_with(VaultTransit(), wrapped), KeyEncryptionKeyMissing)
    for asked in (VaultTransit().primary_kek_id, VaultTransit().health):
        with pytest.raises(KeyEncryptionKeyMissing, match="vault-transit/merchants"):
            asked()
    with pytest.raises(KeyEncryptionKeyMissing):
        VaultTransit().wrap(HERE, DATA_KEY)


@pytest.mark.parametrize(
    "kek_id", ["vault-transit/merchants", "vault-transit/../sys:v1", "vault-transit/a:v0"]
)
def test_a_name_that_is_none_of_vaults_is_missing(transit: TransitStub, kek_id: str) -> None:
    assert isinstance(
        trouble_with(VaultTransit(), Wrapped(kek_id, b"vault:v1:AAAA")), KeyEncryptionKeyMissing
    )
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

    trouble = trouble_with(VaultTransit(), wrapped)

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

    trouble = trouble_with(VaultTransit(), wrapped)

    assert isinstance(trouble, KeyEncryptionKeyMissing | KeyServiceAway)
    assert content is None or content.strip() not in str(trouble)


@pytest.mark.parametrize("fault", FAULTS)
def test_while_vault_is_in_trouble_nothing_is_known(
    transit: TransitStub, wrapped: Wrapped, fault: str
) -> None:
    transit.fault = fault
    vault_transit._door_to.cache_clear()
    began = time.monotonic()

    assert isinstance(trouble_with(VaultTransit(), wrapped), KeyServiceAway)

    with pytest.raises(KeyServiceAway):
        VaultTransit().wrap(HERE, DATA_KEY)
    if fault != "numbers":
        with pytest.raises((KeyServiceAway, BadKeyMaterial)):
            VaultTransit().primary_kek_id()
    assert time.monotonic() - began < NOT_FOR_EVER


def test_nobody_listens(transit: TransitStub, wrapped: Wrapped, settings: Settings) -> None:
    with Answering(lambda asked: None) as closed:
        settings.VAULT_TRANSIT_ADDRESS = closed.address

    assert isinstance(trouble_with(VaultTransit(), wrapped), KeyServiceAway)


def test_a_redirect_is_not_followed_with_the_token(transit: TransitStub, wrapped: Wrapped) -> None:
    with Answering(lambda asked: Answer(200, b"{}")) as elsewhere:
        transit.redirect_to = elsewhere.address

        trouble = trouble_with(VaultTransit(), wrapped)

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

        said = str(trouble_with(VaultTransit(), wrapped))

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
