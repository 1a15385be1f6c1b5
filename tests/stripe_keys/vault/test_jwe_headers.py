"""A delivery's header asks for exactly what we do, or it is refused before any key is tried.

Every token here is whole but for its header, and opens to a real key with the algorithm that it was made with. Those
for a stranger show the order: they are refused for the header, not for the recipient.
"""

import json
import tracemalloc
import zlib
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from stripe_keys.vault import DeliveryKey, open_delivery
from tests.people import a_restricted_key
from tests.stripe_keys.vault.deliveries import ALGS, by_hand, by_library, refusal_of

GOOD = '"alg":"RSA-OAEP-256","enc":"A256GCM"'


# --- Algorithms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RSA1_5", "RSA-OAEP-384", "RSA-OAEP-512"])
def test_other_uses_of_rsa_are_refused(ours: DeliveryKey, alg: str) -> None:
    text = a_restricted_key()

    assert refusal_of(by_hand(ours, text, alg=alg), ours, hidden=(text,)).code == "algorithm"


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("enc", ["A128GCM", "A192GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"])
def test_other_encryptions_are_refused(
    ours: DeliveryKey, a_strangers: DeliveryKey, alg: str, enc: str
) -> None:
    text = a_restricted_key()

    for recipient in (ours, a_strangers):
        token = by_library(recipient, text, alg=alg, enc=enc)
        assert refusal_of(token, ours, hidden=(text,)).code == "algorithm"


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("dir", OctKey.generate_key(256)),
        ("A128KW", OctKey.generate_key(128)),
        ("A256KW", OctKey.generate_key(256)),
        ("A256GCMKW", OctKey.generate_key(256)),
        ("PBES2-HS256+A128KW", OctKey.generate_key(256)),
        ("ECDH-ES", ECKey.generate_key("P-256")),
        ("ECDH-ES+A128KW", ECKey.generate_key("P-256")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_kinds_of_keys_are_refused(ours: DeliveryKey, alg: str, key: OctKey | ECKey) -> None:
    text = a_restricted_key()

    token = jwe.encrypt_compact({"alg": alg, "enc": "A256GCM"}, text, key, algorithms=[alg, "A256GCM"])

    assert refusal_of(token, ours, hidden=(text,)).code == "algorithm"


@pytest.mark.parametrize(
    "header",
    [
        "{}",
        '{"alg":"RSA-OAEP-256"}',
        '{"enc":"A256GCM"}',
        '{"alg":"none","enc":"A256GCM"}',
        '{"alg":"","enc":""}',
        '{"alg":null,"enc":"A256GCM"}',
        '{"alg":["RSA-OAEP-256"],"enc":"A256GCM"}',
        '{"alg":{"RSA-OAEP-256":1},"enc":"A256GCM"}',
        '{"alg":"RSA-OAEP-256","enc":["A256GCM"]}',
        '{"alg":"RSA-OAEP-256","enc":null}',
        '{"alg":"rsa-oaep-256","enc":"A256GCM"}',
        '{"alg":"RSA-OAEP-256","enc":"a256gcm"}',
        '{"alg":"RSA-OAEP-256 ","enc":"A256GCM"}',
        '{"alg":"RSA-OAEP-256\\u0000","enc":"A256GCM"}',
        '{"ALG":"RSA-OAEP-256","enc":"A256GCM"}',
        '{"alg":"A256GCM","enc":"A256GCM"}',
        '{"alg":"RSA-OAEP-256","enc":"RSA-OAEP-256"}',
    ],
)
def test_names_of_algorithms_are_taken_by_the_letter(ours: DeliveryKey, header: str) -> None:
    text = a_restricted_key()

    assert refusal_of(by_hand(ours, text, header=header.encode()), ours, hidden=(text,)).code == "algorithm"


# --- Members ---------------------------------------------------------------------------------------------------------


HOSTILE: dict[str, Any] = {
    "zip": "DEF",
    "crit": ["exp"],
    "jwk": {"kty": "oct", "k": "AAAA"},
    "jku": "https://keys.example/",
    "x5u": "https://keys.example/",
    "x5c": ["AAAA"],
    "x5t": "AAAA",
    "x5t#S256": "AAAA",
    "epk": {"kty": "EC"},
    "apu": "AAAA",
    "p2c": 1_000_000,
    "b64": False,
    "iv": "AAAA",
    "tag": "AAAA",
    "nobody knows": "what",
    "": "",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("alg", ALGS)
def test_member_that_would_decide_something_is_refused(
    ours: DeliveryKey, a_strangers: DeliveryKey, name: str, alg: str
) -> None:
    text = a_restricted_key()

    values: list[Any] = [HOSTILE[name], None, "", []]
    for value in values:
        for recipient in (ours, a_strangers):
            header = json.dumps({"alg": alg, "enc": "A256GCM", name: value}).encode()
            token = by_hand(recipient, text, alg=alg, header=header)
            assert refusal_of(token, ours, hidden=(text,)).code == "header"


@pytest.mark.parametrize("name", ["kid", "typ", "cty"])
@pytest.mark.parametrize("value", [None, 1, True, [], ["a"], {}])
def test_label_that_is_no_text_is_refused(ours: DeliveryKey, name: str, value: Any) -> None:
    assert refusal_of(by_hand(ours, a_restricted_key(), **{name: value}), ours).code == "header"


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"RSA-OAEP",' + GOOD + "}",
        "{" + GOOD + ',"alg":"RSA-OAEP-256"}',
        "{" + GOOD + ',"enc":"A256GCM"}',
        "{" + GOOD + ',"\\u0061lg":"RSA-OAEP-256"}',
        "{" + GOOD + ',"kid":"a","kid":"a"}',
        "{" + GOOD + ',"kid":{"a":1,"a":1}}',
        '{"zip":"DEF","zip":null,' + GOOD + "}",
    ],
)
def test_member_that_stands_twice_is_refused(ours: DeliveryKey, header: str) -> None:
    text = a_restricted_key()

    assert refusal_of(by_hand(ours, text, header=header.encode()), ours, hidden=(text,)).code == "header"


# --- Encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        *(b"[]", b"null", b"5", b'"alg"', b"NaN", b"true", b"{", b"{}{}", b"not JSON"),
        *(b"[{" + GOOD.encode() + b"}]", b"{" + GOOD.encode() + b"},", b"{" + GOOD.encode() + b",}"),
        b"{" + GOOD.encode() + b',"kid":"\xff"}',
        b"{" + GOOD.encode() + b',"kid":"\xed\xa0\x80"}',
        b"{" + GOOD.encode() + b"}\0",
        b"\xef\xbb\xbf{" + GOOD.encode() + b"}",
        f"{{{GOOD}}}".encode("utf-16"),
        f"{{{GOOD}}}".encode("utf-32-le"),
        b"[" * 700,
        b'{"a":' * 140,
        b"9" * 700,
        b"{" + GOOD.encode() + b',"kid":"' + b"k" * 1000 + b'"}',
    ],
    ids=lambda header: repr(header[:16]),
)
def test_header_that_is_no_plain_object_is_refused(ours: DeliveryKey, header: bytes) -> None:
    text = a_restricted_key()

    assert refusal_of(by_hand(ours, text, header=header), ours, hidden=(text,)).code == "header"


def test_header_has_one_encoding(ours: DeliveryKey) -> None:
    header = b"{" + GOOD.encode() + b',"kid":"12"}'
    assert len(header) % 3 == 1  # so its last character holds four bits that mean nothing
    head, *rest = by_hand(ours, a_restricted_key(), header=header).split(".")

    for other in (chr(ord(head[-1]) + 1), head[-1] + "A"):
        assert refusal_of(".".join([head[:-1] + other, *rest]), ours).code == "header"


# --- Compression -----------------------------------------------------------------------------------------------------


def test_compressed_delivery_is_refused(ours: DeliveryKey) -> None:
    text = a_restricted_key()

    token = by_library(ours, text, zip="DEF")

    key = RSAKey.import_key(ours.private_der())
    everything = ["RSA-OAEP-256", "A256GCM", "DEF"]
    assert jwe.decrypt_compact(token, key, algorithms=everything).plaintext == text.encode()
    assert refusal_of(token, ours, hidden=(text,)).code == "header"


def test_bomb_is_never_inflated(ours: DeliveryKey) -> None:
    press = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = press.compress(bytes(8_000_000)) + press.flush()
    token = by_hand(ours, bomb, zip="DEF")
    assert len(token) < 16 * 1024

    tracemalloc.start()
    refusal = refusal_of(token, ours)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refusal.code == "header"
    assert peak < 4_000_000


# --- Other serializations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["general", "several", "flattened"])
def test_delivery_in_json_is_refused(ours: DeliveryKey, a_strangers: DeliveryKey, form: str) -> None:
    text = a_restricted_key()
    protected = {"enc": "A256GCM"}
    kind = jwe.FlattenedJSONEncryption if form == "flattened" else jwe.GeneralJSONEncryption
    made = kind(protected, text.encode())
    for key in (ours, a_strangers) if form == "several" else (ours,):
        made.add_recipient({"alg": "RSA-OAEP"}, RSAKey.import_key(key.public_pem))

    data = jwe.encrypt_json(made, None, algorithms=["RSA-OAEP", "A256GCM"])

    for token in (json.dumps(data), data):
        assert refusal_of(token, ours, hidden=(text,)).code == "format"


def test_header_with_white_space_and_escapes_is_a_header(ours: DeliveryKey) -> None:
    text = a_restricted_key()

    token = by_hand(ours, text, header=b' {"enc" : "A256GCM",\n "\\u0061lg":"RSA-OAEP-256"} ')

    assert open_delivery(token, private_key=ours).reveal() == text
