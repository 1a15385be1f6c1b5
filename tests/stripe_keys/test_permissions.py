"""One file says what the app asks for, and everything else follows it."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from stripe_keys import permissions
from stripe_keys.checks import check_manifest


def manifest_of(folder: Path, names: list[str]) -> Path:
    """A manifest that asks for these permissions."""
    manifest = folder / "stripe-app.json"
    manifest.write_text(
        json.dumps({"permissions": [{"permission": one, "purpose": "Why."} for one in names]})
    )
    return manifest


def test_required_permissions_are_those_of_the_manifest_in_its_order(settings: Settings) -> None:
    manifest = json.loads(Path(settings.STRIPE_APP_MANIFEST).read_text())

    required = permissions.required()

    assert [one.permission for one in required] == [entry["permission"] for entry in manifest["permissions"]]
    assert all(one.purpose and one.label for one in required)


def test_manifest_with_an_unknown_permission_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    manifest = tmp_path / "stripe-app.json"
    manifest.write_text(json.dumps({"permissions": [{"permission": "moon_read", "purpose": "To howl."}]}))
    settings.STRIPE_APP_MANIFEST = manifest

    with pytest.raises(permissions.ManifestError, match="moon_read"):
        permissions.required()
    assert [problem.id for problem in check_manifest()] == ["stripe_keys.E001"]


@pytest.mark.parametrize("content", ["", "[]", '{"permissions": [1]}', "{"])
def test_unreadable_manifest_is_one_sentence(settings: Settings, tmp_path: Path, content: str) -> None:
    settings.STRIPE_APP_MANIFEST = tmp_path / "stripe-app.json"
    settings.STRIPE_APP_MANIFEST.write_text(content)

    with pytest.raises(permissions.ManifestError, match=r"stripe-app\.json"):
        permissions.required()


def test_prefilled_link_ticks_every_required_permission() -> None:
    fields = parse_qs(urlsplit(permissions.prefilled_dashboard_link(livemode=True)).query)

    assert fields["permissions[]"] == [f"rak_{one.permission}" for one in permissions.required()]


def test_prefilled_link_uses_the_dashboards_own_words(settings: Settings, tmp_path: Path) -> None:
    names = ["top_up_write", "plan_read", "report_runs_and_report_types_read", "issuing_token_read"]
    settings.STRIPE_APP_MANIFEST = manifest_of(tmp_path, names)

    fields = parse_qs(urlsplit(permissions.prefilled_dashboard_link(livemode=True)).query)

    assert fields["permissions[]"] == [
        "rak_topup_write",
        "rak_plan_read",
        "rak_financial_statement_read",
        "rak_issuing_network_token_read",
    ]


def test_write_permissions_are_named_as_such(settings: Settings, tmp_path: Path) -> None:
    settings.STRIPE_APP_MANIFEST = manifest_of(tmp_path, ["customer_write", "payout_read"])

    assert [(one.label, one.access) for one in permissions.required()] == [
        ("Customers", "write"),
        ("Payouts", "read"),
    ]
    assert permissions.words_for("customer_write") == "Customers: write"
    assert permissions.words_for("payout_read") == "Payouts: read"
    assert permissions.words_for("moon_read") == "moon_read"
