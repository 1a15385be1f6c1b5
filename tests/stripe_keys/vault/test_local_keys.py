"""Configured keys are refused by name, and never shown, when they are not what they should be."""

import base64

import pytest
from pytest_django import Settings

from stripe_keys.checks import check_key_material

A_KEY = base64.b64encode(bytes(range(32))).decode()


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


@pytest.mark.parametrize(
    "entry",
    [
        f"{A_KEY}:k1",
        f" {A_KEY}:k1",
        f"{A_KEY}",
        f"k1:{A_KEY}é",
        f"k1:{A_KEY[:-6]}",
        f"k 1:{A_KEY}",
        f"k1:x{A_KEY}",
    ],
)
@pytest.mark.parametrize("setting", ["KEY_ENCRYPTION_KEYS", "FINGERPRINT_KEYS"])
def test_a_key_in_the_wrong_place_is_not_shown(settings: Settings, setting: str, entry: str) -> None:
    setattr(settings, setting, [entry])

    [problem] = check_key_material()

    assert f"{setting}, entry 1" in problem.msg
    assert A_KEY[:12] not in problem.msg


def test_spaces_around_an_entry_are_not_meant(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [f" k2:{A_KEY} "]

    assert check_key_material() == []


def test_one_key_under_two_ids_is_refused(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [f"k1:{A_KEY}", f"k2:{A_KEY}"]

    [problem] = check_key_material()
    assert "under another id already" in problem.msg
