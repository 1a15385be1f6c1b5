"""A secret does not show itself by accident."""

import copy
import json
import logging
import pickle

import pytest
from django.template import Context, Template

from stripe_keys.secret import NotAKey, Secret
from tests.people import a_restricted_key


@pytest.fixture
def text() -> str:
    return a_restricted_key(livemode=True)


def test_secret_knows_its_kind_mode_and_last_four(text: str) -> None:
    secret = Secret(text)

    assert (secret.shape.kind, secret.livemode, secret.last4) == ("rk", True, text[-4:])
    assert secret.reveal() == text


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>200}".format, lambda secret: f"{secret!r:^10}"])
def test_secret_does_not_print(text: str, show: object) -> None:
    shown = show(Secret(text))  # type: ignore[operator]

    assert text[8:-4] not in shown
    assert text[-4:] in shown


@pytest.mark.parametrize("attempt", [copy.copy, copy.deepcopy, pickle.dumps, json.dumps, hash])
def test_secret_refuses_to_be_duplicated_or_written(text: str, attempt: object) -> None:
    with pytest.raises(TypeError):
        attempt(Secret(text))  # type: ignore[operator]


def test_secret_is_not_rendered_or_logged(text: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(text)

    page = Template("{{ secret }}{{ secret|safe }}{{ secret|pprint }}").render(Context({"secret": secret}))
    logging.getLogger("tests").warning("here it is: %s", secret)

    assert text[8:-4] not in page
    assert text[8:-4] not in caplog.text


def test_secret_does_not_change(text: str) -> None:
    secret = Secret(text)

    with pytest.raises(AttributeError):
        secret._text = "other"


def test_equal_secrets_are_equal_and_others_are_not(text: str) -> None:
    assert Secret(text) == Secret(text)
    assert Secret(text) != Secret(a_restricted_key(livemode=True))
    assert Secret(text) != text


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
    ],
)
def test_what_is_not_one_whole_key_is_refused_without_quoting_it(text: str, spoil: object) -> None:
    spoiled = spoil(text)  # type: ignore[operator]

    with pytest.raises(NotAKey) as refusal:
        Secret(spoiled)

    assert text[8:] not in repr(refusal.value)
