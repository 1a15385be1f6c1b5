"""One file says what the app asks for, and everything else follows it."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from stripe_keys import catalogue, permissions
from stripe_keys.checks import check_manifest


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


def test_every_probe_reads_at_most_one_object() -> None:
    paths = {probe.path for probe in catalogue.PROBES.values()}

    assert {path for path in paths if not path.endswith("?limit=1")} == {"/v1/account", "/v1/balance"}
