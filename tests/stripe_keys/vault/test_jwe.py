"""A delivery of Stripe opens for its recipient; an altered, foreign or empty one does not."""

import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_keys.vault import DeliveryKey, DeliveryRefused, open_delivery
from tests.people import a_restricted_key, a_secret_key, some_letters
from tests.stripe_keys.vault.deliveries import ALGS, by_hand, by_library, leaks, part, refusal_of

BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
PARTS = ("header", "encrypted key", "nonce", "ciphertext", "tag")


# --- What opens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [by_library, by_hand])
@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("livemode", [True, False])
@pytest.mark.parametrize("a_key", [a_restricted_key, a_secret_key])
def test_delivery_opens_for_its_recipient(
    ours: DeliveryKey, make: Callable[..., str], alg: str, livemode: bool, a_key: Callable[..., str]
) -> None:
    text = a_key(livemode=livemode)

    opened = open_delivery(make(ours, text, alg=alg), private_key=ours)

    assert opened.reveal() == text
    assert opened.livemode is livemode


def test_delivery_opens_after_its_key_was_stored_and_loaded(ours: DeliveryKey) -> None:
    text = a_restricted_key()

    loaded = DeliveryKey.from_der(ours.private_der())

    assert open_delivery(by_hand(ours, text), private_key=loaded).reveal() == text


def test_labels_that_decide_nothing_are_let_through(ours: DeliveryKey) -> None:
    text = a_restricted_key()

    token = by_hand(ours, text, kid="any", typ="JWE", cty="text/plain")

    assert open_delivery(token, private_key=ours).reveal() == text


def test_longest_key_opens(ours: DeliveryKey) -> None:
    text = f"rk_{'live'}_{some_letters(240)}"

    assert open_delivery(by_library(ours, text), private_key=ours).reveal() == text


# --- Altered ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(5), ids=PARTS)
@pytest.mark.parametrize("alg", ALGS)
def test_no_delivery_opens_with_any_one_character_changed(ours: DeliveryKey, which: int, alg: str) -> None:
    text = a_restricted_key()
    parts = by_hand(ours, text, alg=alg).split(".")
    whole = parts[which]

    # The encrypted key opens or not as a whole, and each try takes a while: of it every eighth character, and the last.
    for at in {*range(0, len(whole), 8 if which == 1 else 1), len(whole) - 1}:
        other = BASE64URL[BASE64URL.index(whole[at]) ^ 1]  # of the last, that may be a bit that means nothing
        parts[which] = whole[:at] + other + whole[at + 1 :]
        refusal = refusal_of(".".join(parts), ours, hidden=(text,))
        assert refusal.code in ({"header", "algorithm", "recipient"} if which == 0 else {"recipient"})


@pytest.mark.parametrize("which", range(5), ids=PARTS)
@pytest.mark.parametrize(
    "cut",
    [
        lambda whole: "",
        lambda whole: whole[:-1],
        lambda whole: whole[:-4],
        lambda whole: whole[4:],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole + "A",
        lambda whole: whole + "AAAA",
        lambda whole: whole * 2,
        lambda whole: whole + "=",
        lambda whole: whole + "\n",
        lambda whole: " " + whole,
    ],
)
def test_no_delivery_opens_with_a_part_cut_or_drawn_out(
    ours: DeliveryKey, which: int, cut: Callable[[str], str]
) -> None:
    text = a_restricted_key()
    parts = by_hand(ours, text).split(".")

    parts[which] = cut(parts[which])

    assert refusal_of(".".join(parts), ours, hidden=(text,)).code in {"format", "header", "recipient"}


def test_parts_of_two_deliveries_do_not_make_a_third(ours: DeliveryKey) -> None:
    one, other = (by_hand(ours, a_restricted_key()).split(".") for _ in range(2))

    for which in range(1, 5):
        mixed = [*one[:which], other[which], *one[which + 1 :]]
        assert refusal_of(".".join(mixed), ours).code == "recipient"


# --- Foreign ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [by_library, by_hand])
@pytest.mark.parametrize("alg", ALGS)
def test_delivery_for_another_recipient_does_not_open(
    ours: DeliveryKey, a_strangers: DeliveryKey, make: Callable[..., str], alg: str
) -> None:
    text = a_restricted_key()

    token = make(a_strangers, text, alg=alg)

    assert refusal_of(token, ours, hidden=(text,)).code == "recipient"
    assert open_delivery(token, private_key=a_strangers).reveal() == text


@pytest.mark.parametrize("length", [16, 24])
def test_content_key_of_another_length_does_not_open(ours: DeliveryKey, length: int) -> None:
    token = by_hand(ours, a_restricted_key(), cek_bytes=length)

    assert refusal_of(token, ours).code == "recipient"


# --- Not a key -------------------------------------------------------------------------------------------------------


def contents(text: str) -> dict[str, str | bytes]:
    """What a delivery may hold instead of one whole key."""
    return {
        "nothing": "",
        "white space": " ",
        "words": "what a pity, no key in here",
        "newline": text + "\n",
        "leading space": " " + text,
        "two": f"{text} {text}",
        "quoted": f'"{text}"',
        "json": f'{{"token": "{text}"}}',
        "key of an organisation": "sk_org_live_" + some_letters(40),
        "publishable": "pk_test_" + some_letters(40),
        "prefix": "rk_test_",
        "zero byte": text + "\0",
        "UTF-16": text.encode("utf-16"),
        "not UTF-8": text.encode() + b"\xff",
        "other script": text[:-1] + "а",  # noqa: RUF001  # Cyrillic
        "BOM": "\ufeff" + text,
        "too long": "rk_test_" + some_letters(241),
        "10 KB": some_letters(10_000),
    }


@pytest.mark.parametrize("kind", contents("rk_test_"))
def test_delivery_that_holds_no_whole_key_is_refused(ours: DeliveryKey, kind: str) -> None:
    text = a_restricted_key()
    content = contents(text)[kind]

    refusal = refusal_of(by_hand(ours, content), ours, hidden=(text, str(content)))

    assert refusal.code == "content"


# --- Whatever comes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        *(
            "",
            " ",
            "\n",
            ".",
            "....",
            ".....",
            "a.b.c.d",
            "a.b.c.d.e.f",
            "\0",
            "é",
            "\ud800",
            "\uff41.\uff41.\uff41.\uff41.\uff41",
        ),
        *("A" * 1_000_000, "." * 50_000, ".".join(["A" * 4000] * 5)),
        *(None, 5, b"a.b.c.d.e", ["a", "b", "c", "d", "e"]),
    ],
    ids=lambda token: repr(token)[:12],
)
def test_what_is_no_delivery_is_refused_by_its_form(ours: DeliveryKey, token: Any) -> None:
    assert refusal_of(token, ours).code == "format"


@pytest.mark.parametrize("change", ["{}.", ".{}", "{}.AAAA", " {}", "{}\n", "{}\0", "{}é", "Bearer {}"])
def test_delivery_with_something_around_it_is_refused(ours: DeliveryKey, change: str) -> None:
    text = a_restricted_key()

    refusal = refusal_of(change.format(by_hand(ours, text)), ours, hidden=(text,))

    assert refusal.code == "format"


def test_delivery_of_more_than_16_kb_is_refused_though_it_is_whole(ours: DeliveryKey) -> None:
    token = by_hand(ours, a_restricted_key() + " " * 16_000)

    assert refusal_of(token, ours).code == "format"


PART = st.text(BASE64URL, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*ALGS, "A256GCM"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["alg", "enc", "zip", "kid"]) | st.text(), inner)
    ),
    max_leaves=8,
)


@given(
    token=st.text()
    | st.lists(PART, min_size=5, max_size=5).map(".".join)
    | st.tuples(st.binary(max_size=80).map(part), PART, PART, PART, PART).map(".".join)
)
def test_any_text_is_refused_and_nothing_else_happens(ours: DeliveryKey, token: str) -> None:
    refusal_of(token, ours)


@given(header=JSON, rest=st.tuples(PART, PART, PART, PART))
def test_any_header_is_refused_and_nothing_else_happens(
    ours: DeliveryKey, header: Any, rest: tuple[str, ...]
) -> None:
    refusal_of(".".join([part(json.dumps(header).encode()), *rest]), ours)


# --- Nothing is told -------------------------------------------------------------------------------------------------


def test_unforeseen_failure_is_refused_without_a_word_of_it(
    ours: DeliveryKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = a_restricted_key()

    def fail(token: str, *args: object, **kwargs: object) -> None:
        raise MemoryError(token, text)

    monkeypatch.setattr("stripe_keys.vault.jwe.decrypt_compact", fail)

    assert refusal_of(by_hand(ours, text), ours, hidden=(text,)).code == "failed"


def test_refusal_leaves_one_frame_with_a_code_and_no_more(ours: DeliveryKey) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        open_delivery(by_hand(ours, "no key"), private_key=ours)

    _, *frames = refused.traceback
    assert [frame.frame.f_locals for frame in frames] == [{"code": "content"}]


def test_what_looks_for_leaks_finds_them() -> None:
    token, found = f"{'a' * 20}.{'b' * 20}", []

    def hold(held: str) -> None:
        raise ValueError("nothing said")

    for fail in (hold, lambda held: (_ for _ in ()).throw(ValueError(held)), int):
        try:
            fail(token)
        except ValueError as problem:
            found.append(leaks(problem, token))

    assert all(found)
    assert len(found) == 3
