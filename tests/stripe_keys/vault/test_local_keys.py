"""Configured keys are refused by name, and never shown, when they are not what they should be."""

import base64
import os

import pytest
from pytest_django import Settings

from stripe_keys.checks import check_key_material

A_KEY = base64.b64encode(os.urandom(32)).decode()


@pytest.mark.parametrize(
    "listed",
    [
        [],
        ["k1"],
        ["k1:"],
        ["k1:!!"],
        [f"k1:{base64.b64encode(bytes(16)).decode()}"],
        [":AAAA"],
        [f"k1:{A_KEY}", f"k1:{A_KEY}"],
        [f"a/b:{A_KEY}"],
    ],
)
def test_malformed_key_material_is_named_and_not_shown(settings: Settings, listed: list[str]) -> None:
    settings.KEY_ENCRYPTION_KEYS = listed

    problems = check_key_material()

    assert [problem.id for problem in problems] == ["stripe_keys.E002"]
    assert "KEY_ENCRYPTION_KEYS" in problems[0].msg


def test_key_material_must_differ_by_use(settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = list(settings.KEY_ENCRYPTION_KEYS)

    assert [problem.id for problem in check_key_material()] == ["stripe_keys.E002"]
