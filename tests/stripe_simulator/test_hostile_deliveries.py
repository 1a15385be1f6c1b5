"""Each way to deliver a new key's secret is what its name says: seen in its header, or by opening it."""

import base64
import json
import warnings
from typing import Any

import pytest
from joserfc import jwe
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey

from stripe_simulator.config import HOSTILE, SOUND
from tests.simulator import AdminRefused, Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client
from tests.stripe_simulator.managed import LABEL, App, a_pair, an_app, opened, public_key


@pytest.fixture
def live(simulator: SimulatorProcess, client: Client) -> App:
    return an_app(simulator, client, livemode=True)


def header_of(ciphertext: str) -> Json:
    head = ciphertext.partition(".")[0]
    found: Json = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found


def delivered(app: App, kind: str) -> Json:
    """`secret_key` of a key made while secrets travel so."""
    app.simulator.admin.switch(delivery=kind)
    part: Json = app.create()["secret_key"]
    return part


def opened_with(ciphertext: str, *algorithms: str) -> str:
    """The text, opened by algorithms that nobody should take."""
    registry = jwe.JWERegistry(algorithms=[*algorithms, "DEF"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        found = jwe.decrypt_compact(ciphertext, RSAKey.import_key(a_pair()), registry=registry)
    assert found.plaintext is not None
    return found.plaintext.decode()


def is_the_key(app: App, text: str) -> bool:
    return text.startswith("rk_" + "live_") and app.works(text)


# Sound


@pytest.mark.parametrize("kind", SOUND)
def test_both_sound_ways_open_to_the_key(kind: str, live: App) -> None:
    encrypted = delivered(live, kind)["encrypted_secret"]

    assert header_of(encrypted["ciphertext"]) == {"alg": kind, "enc": "A256GCM"}
    assert is_the_key(live, opened(encrypted))
    assert encrypted["recipient_key_id"] == LABEL


def test_rotation_delivers_as_creation_does(live: App) -> None:
    made = live.create()
    live.simulator.admin.switch(delivery="wrong_label")

    successor = live.ask("post", f"/{made['id']}/rotate", public_key=public_key())

    assert successor["secret_key"]["encrypted_secret"]["recipient_key_id"] != LABEL


# Other algorithms, but whole


ALGORITHMS: dict[str, tuple[str, str]] = {
    "RSA1_5": ("RSA1_5", "A256GCM"),
    "A128GCM": ("RSA-OAEP-256", "A128GCM"),
}


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_other_algorithms_open_to_the_key_for_those_who_take_them(kind: str, live: App) -> None:
    ciphertext = delivered(live, kind)["encrypted_secret"]["ciphertext"]

    alg, enc = ALGORITHMS[kind]
    assert header_of(ciphertext) == {"alg": alg, "enc": enc}
    assert is_the_key(live, opened_with(ciphertext, alg, enc))


def test_zip_is_compressed_and_opens_to_the_key(live: App) -> None:
    ciphertext = delivered(live, "zip")["encrypted_secret"]["ciphertext"]

    assert header_of(ciphertext)["zip"] == "DEF"
    assert is_the_key(live, opened_with(ciphertext, "RSA-OAEP-256", "A256GCM"))


def test_dir_has_no_encrypted_key(live: App) -> None:
    ciphertext = delivered(live, "dir")["encrypted_secret"]["ciphertext"]

    assert header_of(ciphertext) == {"alg": "dir", "enc": "A256GCM"}
    assert ciphertext.split(".")[1] == ""


def test_json_is_the_same_in_another_form(live: App) -> None:
    encrypted = delivered(live, "json")["encrypted_secret"]

    parts = json.loads(encrypted["ciphertext"])
    compact = ".".join(parts[name] for name in ("protected", "encrypted_key", "iv", "ciphertext", "tag"))
    assert encrypted["format"] == "jwe_json"
    assert is_the_key(live, opened({"ciphertext": compact}))


# Not for us, or broken


def test_wrong_recipient_is_whole_but_for_somebody_else(live: App) -> None:
    encrypted = delivered(live, "wrong_recipient")["encrypted_secret"]

    assert header_of(encrypted["ciphertext"]) == {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    assert encrypted["recipient_key_id"] == LABEL
    with pytest.raises((JoseError, ValueError)):
        opened(encrypted)


def test_wrong_label_opens_to_the_key_under_another_name(live: App) -> None:
    encrypted = delivered(live, "wrong_label")["encrypted_secret"]

    assert encrypted["recipient_key_id"] not in ("", LABEL)
    assert is_the_key(live, opened(encrypted))


def test_truncated_lacks_parts(live: App) -> None:
    assert delivered(live, "truncated")["encrypted_secret"]["ciphertext"].count(".") < 4


def test_altered_is_whole_in_form_and_never_opens(live: App) -> None:
    for _ in range(10):
        encrypted = delivered(live, "altered")["encrypted_secret"]

        assert encrypted["ciphertext"].count(".") == 4
        with pytest.raises((JoseError, ValueError)):
            opened(encrypted)


# Sound in form, with something else inside


def test_not_a_key_is_none(live: App) -> None:
    assert json.loads(opened(delivered(live, "not_a_key")["encrypted_secret"])) == {"key": "none"}


def test_other_mode_says_the_other_mode(live: App) -> None:
    assert opened(delivered(live, "other_mode")["encrypted_secret"]).startswith("rk_" + "test_")


def test_unrestricted_is_a_secret_key(live: App) -> None:
    assert opened(delivered(live, "unrestricted")["encrypted_secret"]).startswith("sk_" + "live_")


def test_plain_is_not_encrypted_even_in_live_mode(live: App) -> None:
    part = delivered(live, "plain")

    assert "encrypted_secret" not in part
    assert is_the_key(live, part["token"])


def test_nothing_holds_no_secret(live: App) -> None:
    assert set(delivered(live, "nothing")) == {"secret_token_redacted"}


# The switch


def test_every_hostile_way_is_tried_here() -> None:
    tried: set[Any] = {name.split("_", 1)[1] for name in globals() if name.startswith("test_")}

    missing = {kind for kind in HOSTILE if not any(name.startswith(kind) for name in tried)} - set(ALGORITHMS)
    assert missing == set()


@pytest.mark.parametrize(("switch", "word"), [("delivery", "RSA-OAEP-512"), ("account_gate", "ajar")])
def test_switch_takes_known_words_only(switch: str, word: str, simulator: SimulatorProcess) -> None:
    with pytest.raises(AdminRefused, match=f"Switch {switch} is one of"):
        simulator.admin.switch(**{switch: word})
