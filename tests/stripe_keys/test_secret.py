"""A secret does not show itself by accident; what Django, Celery and logs make of it: test_secret_in_*.py."""

import ast
import copy
import inspect
import json
import operator
import pickle
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pprint import pformat
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from kombu.utils import json as kombu_json

from stripe_keys import secret as its_module
from stripe_keys.secret import NotAKey, Secret
from tests.people import a_restricted_key


@pytest.fixture
def text() -> str:
    return a_restricted_key(livemode=True)


@dataclass(frozen=True)
class Holder:
    """A dataclass of somebody who did not think of it."""

    secret: Secret
    note: str = ""


def every_attribute(thing: object) -> dict[str, object]:
    """What tools that walk objects see: rich's inspect, debuggers, error trackers."""
    return {name: getattr(thing, name) for name in dir(thing) if hasattr(thing, name)}


def test_secret_knows_its_kind_mode_and_last_four(text: str) -> None:
    secret = Secret(text)

    assert (secret.shape.kind, secret.livemode, secret.last4) == ("rk", True, text[-4:])
    assert secret.reveal() == text


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{:>200}".format,
        "{0!r}{0!s}{0!a}".format,
        "{0.shape}".format,
        "{0.shape}{0.reveal}".format,
        lambda secret: f"{secret}{secret!r:^10}{secret=}",
        lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031  # this very way is tried
        lambda secret: format(secret, "x"),
        pformat,
        lambda secret: pformat({"a": [secret]}, width=1),
        lambda secret: repr(Holder(secret)),
        lambda secret: repr(replace(Holder(secret), note="new")),
        lambda secret: repr([secret, {"key": secret}, (secret,)]),
        lambda secret: json.dumps({"key": secret}, default=str),
        lambda secret: json.dumps({"key": secret}, default=repr),
        lambda secret: repr(every_attribute(secret)),
        lambda secret: repr(inspect.getmembers(secret)),
        lambda secret: repr(ValueError("no", secret)),
        lambda secret: str(KeyError(secret)),
    ],
)
def test_secret_does_not_print(text: str, show: Callable[[Secret], str]) -> None:
    shown = show(Secret(text))

    assert text[8:-4] not in shown
    assert text[-4:] in shown


REFUSED: dict[str, Any] = {  # what mypy would not let through is tried on purpose
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "iter": iter,
    "list": list,
    "len": len,
    "index": lambda secret: secret[0],
    "slice": lambda secret: secret[:9],
    "in": lambda secret: "r" in secret,
    "add": lambda secret: operator.add("", secret),
    "join": lambda secret: "".join([secret]),
    "int": int,
    "vars": vars,
    "hash": hash,
    "set": lambda secret: {secret},
    "weakref": weakref.ref,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "asdict": lambda secret: asdict(Holder(secret)),
    "json": json.dumps,
    "json of Django": lambda secret: json.dumps([secret], cls=DjangoJSONEncoder),
    "json of kombu": lambda secret: kombu_json.dumps({"args": [secret]}),
    "reduce": lambda secret: secret.__reduce__(),
    "state": lambda secret: secret.__getstate__(),
    **{
        f"pickle {protocol}": lambda secret, protocol=protocol: pickle.dumps([secret], protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "pickle in Python": vars(pickle)["_dumps"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_secret_refuses_to_be_duplicated_measured_or_written(text: str, name: str) -> None:
    with pytest.raises(TypeError) as refusal:
        REFUSED[name](Secret(text))

    told = f"{refusal.value!r} {refusal.value.__context__!r} {refusal.value.__cause__!r}"
    assert text[8:-4] not in told


def test_what_skips_our_refusals_finds_no_text(text: str) -> None:
    secret = Secret(text)

    seen = object.__getstate__(secret)

    assert text[8:-4] not in repr(seen)
    with pytest.raises(TypeError):
        object.__reduce_ex__(secret, 2)
    with pytest.raises(AttributeError):
        object.__getattribute__(secret, "_text")


def test_secret_does_not_change(text: str) -> None:
    secret = Secret(text)

    for name in ("_text", "shape", "note"):
        with pytest.raises(AttributeError):
            setattr(secret, name, "other")
    with pytest.raises(AttributeError):
        del secret.shape
    initialise: Any = secret.__init__
    initialise(a_restricted_key())

    assert secret.reveal() == text


def test_secret_has_no_subclasses() -> None:
    with pytest.raises(TypeError):
        type("Talkative", (Secret,), {"__repr__": lambda self: self.reveal()})


def test_equal_secrets_are_equal_and_others_are_not(text: str) -> None:
    assert Secret(text) == Secret(text)
    assert Secret(text) != Secret(a_restricted_key(livemode=True))
    assert Secret(text) != text
    assert text != Secret(text)
    assert Secret(text).__eq__(text) is NotImplemented


def test_secrets_are_compared_in_constant_time_alone() -> None:
    tree = ast.parse(inspect.getsource(its_module))
    method = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__eq__"
    )

    *_, answer = method.body
    compared = [node for node in ast.walk(method) if isinstance(node, ast.Compare)]

    assert isinstance(answer, ast.Return)
    assert isinstance(answer.value, ast.Call)
    assert ast.unparse(answer.value.func) == "hmac.compare_digest"
    assert compared == []


def test_a_plain_str_is_kept_even_of_a_talkative_one(text: str) -> None:
    class Talkative(str):
        __slots__ = ()

    assert type(Secret(Talkative(text)).reveal()) is str


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key[:12] + "\u200b" + key[12:],
        lambda key: key[:10],
        lambda key: key + "é",
        lambda key: key.replace("live", "prod"),
        lambda key: "pk" + key[2:],
        lambda key: key + "x" * 240,
        lambda key: key + key,
        lambda key: key.encode(),
        lambda key: [key],
        lambda key: None,
    ],
)
def test_what_is_not_one_whole_key_is_refused_without_quoting_it(
    text: str, spoil: Callable[[str], Any]
) -> None:
    spoiled = spoil(text)

    with pytest.raises(NotAKey) as refusal:
        Secret(spoiled)

    assert text[8:] not in repr(refusal.value)
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None
