"""Each purpose has permissions of its own; one that cannot be used is refused at start-up, in a sentence."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from stripe_keys import permissions, purposes
from stripe_keys.checks import check_purposes
from tests.stripe_keys.purposes import BILLING, GENERAL, ask_for_two_keys, listed, write_purpose


@pytest.fixture(autouse=True)
def two_keys(settings: Settings, tmp_path: Path) -> None:
    """An app that asks for two."""
    ask_for_two_keys(settings, tmp_path)


def said() -> list[str]:
    """What the start-up check says."""
    return [str(message.msg) for message in check_purposes()]


def test_each_purpose_asks_for_its_own_permissions() -> None:
    assert tuple(one.permission for one in permissions.required()) == GENERAL
    assert tuple(one.permission for one in permissions.required("billing")) == BILLING
    assert [one.label for one in purposes.defined()] == ["General", "Billing & books"]
    assert permissions.most_required() == 2


def test_a_bare_list_will_do_and_its_name_becomes_its_label(settings: Settings) -> None:
    write_purpose(settings, "tax_reports", listed("payout_read"))
    settings.KEY_PURPOSES = ["tax_reports"]

    assert purposes.get("tax_reports").label == "Tax reports"


def test_prefilled_link_ticks_what_the_purpose_needs(settings: Settings) -> None:
    link = permissions.prefilled_dashboard_link(livemode=True, purpose="billing")

    fields = parse_qs(urlsplit(link).query)
    assert fields["permissions[]"] == [f"rak_{name}" for name in BILLING]
    assert fields["name"] == [f"{settings.SITE_NAME}: Billing & books"]


def test_nobody_asks_for_a_purpose_that_is_not_defined() -> None:
    with pytest.raises(purposes.UnknownPurpose, match="reporting"):
        permissions.required("reporting")


@pytest.mark.parametrize(
    "name", ["Billing", "", "../secrets", "x" * 32, "1st", "bill ing", "büro", "renew"], ids=repr
)
def test_odd_names_are_refused(settings: Settings, name: str) -> None:
    settings.KEY_PURPOSES = [name]

    assert len(said()) == 1
    assert repr(name) in said()[0]
    with pytest.raises(permissions.ManifestError):
        permissions.required(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (listed("moon_read"), "without a probe: moon_read"),
        ([], "names no permission"),
        ({"permissions": []}, "asks for no permission"),
        ({"label": "Books"}, "not a readable"),
        ("text", "not a readable"),
    ],
    ids=["unknown", "empty-list", "empty-manifest", "no-list", "text"],
)
def test_unusable_files_are_refused_in_a_sentence(settings: Settings, content: Any, words: str) -> None:
    write_purpose(settings, "odd", content)
    settings.KEY_PURPOSES = ["odd"]

    assert len(said()) == 1
    assert words in said()[0]
    assert "'odd'" in said()[0]


def test_missing_file_is_refused(settings: Settings) -> None:
    settings.KEY_PURPOSES = ["nowhere"]

    assert said() == ["Of the purpose 'nowhere': nowhere.json is not a readable app manifest."]


def test_duplicates_are_refused(settings: Settings) -> None:
    write_purpose(settings, "books", {"label": "Billing & books", "permissions": listed("payout_read")})
    settings.KEY_PURPOSES = ["billing", "billing", "books"]

    assert said() == [
        "KEY_PURPOSES names 'billing' twice.",
        "Two purposes of keys are called 'Billing & books'.",
    ]


def test_default_need_not_be_named(settings: Settings) -> None:
    settings.KEY_PURPOSES = ["default"]

    assert said() == ["KEY_PURPOSES names 'default', which is the app's manifest and is there always."]


def test_permissions_that_the_app_does_not_name_are_remarked(settings: Settings) -> None:
    assert said() == [
        "Keys for 'billing' are asked for what the app's manifest does not name: invoice_read.",
    ]
    write_purpose(settings, "cards", listed("charge_read"))
    settings.KEY_PURPOSES = ["cards"]
    assert said() == []
