"""`manage.py stripe_app check`: what is here agrees, and every disagreement is found and said in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from stripe_keys import permissions
from stripe_keys.app_package import agreement
from stripe_keys.manifest import ManifestError, read
from tests import production
from tests.stripe_app.package import Spoil, copied, rewrite


def found(folder: Path, settings: Settings, spoil: Spoil = lambda manifest: None) -> list[str]:
    """What does not agree with a manifest that was spoilt."""
    copied(folder, settings, spoil)
    return agreement.disagreements()


def put(manifest: dict[str, Any], **changes: Any) -> None:
    """Set members of the manifest."""
    manifest.update(changes)


def entry(name: str) -> dict[str, str]:
    """One permission of a manifest."""
    return {"permission": name, "purpose": "To see."}


def test_what_is_here_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("stripe_app", "check")

    assert "agree" in capsys.readouterr().out


def test_a_copy_that_nobody_spoilt_agrees(tmp_path: Path, settings: Settings) -> None:
    assert found(tmp_path, settings) == []


@pytest.mark.processes
def test_with_production_settings_nothing_but_what_is_wrong_is_said_and_the_exit_status_tells() -> None:
    wrong = production.run(
        "manage.py", "stripe_app", "check", env=production.environment(STRIPE_APP_ID="com.other")
    )

    assert wrong.returncode == 1
    (said,) = wrong.stderr.splitlines()
    assert "STRIPE_APP_ID is 'com.other'" in said


FAULTS: dict[str, tuple[Spoil, str]] = {
    "unknown member": (lambda m: put(m, surprise=1), "'surprise' was unexpected"),
    "no icon named": (lambda m: m.pop("icon"), "'icon' is a required property"),
    "no purpose": (lambda m: m["permissions"][0].pop("purpose"), "permissions[0]: 'purpose' is a required"),
    "a blank purpose": (lambda m: put(m["permissions"][1], purpose=" "), "permissions[1].purpose:"),
    "no permission name": (
        lambda m: put(m["permissions"][0], permission="Charge"),
        "permissions[0].permission:",
    ),
    "unknown way of access": (lambda m: put(m, stripe_api_access_type="magic"), "stripe_api_access_type:"),
    "no address": (lambda m: put(m, allowed_redirect_uris=["partner"]), "allowed_redirect_uris:"),
    "another way of access": (
        lambda m: put(m, stripe_api_access_type="oauth"),
        "stripe_api_access_type is not restricted_api_key",
    ),
    "no post-install action": (
        lambda m: put(m, post_install_action=None),
        "post_install_action does not lead",
    ),
    "no sandboxes": (
        lambda m: put(m, sandbox_install_compatible=False),
        "sandbox_install_compatible is not true",
    ),
    "version": (lambda m: put(m, version="1.2"), "version '1.2' is not of the form"),
    "icon": (lambda m: put(m, icon="./gone.png"), "icon gone.png cannot be read"),
    "component": (
        lambda m: put(m["ui_extension"]["views"][0], component="Gone"),
        "src/views/Gone.tsx is missing",
    ),
    "no settings view": (
        lambda m: put(m["ui_extension"]["views"][0], viewport="stripe.dashboard.home.overview"),
        "there is no settings view",
    ),
    "asked twice": (
        lambda m: m["permissions"].append(entry("charge_read")),
        "charge_read is asked for twice",
    ),
    "misspelt": (lambda m: m["permissions"].append(entry("moon_read")), "moon_read has no probe"),
    "not provable": (lambda m: m["permissions"].append(entry("sku_read")), "gone from present versions"),
    "other app": (lambda m: put(m, id="com.other"), "the manifest's id is 'com.other'"),
    "no way back": (
        lambda m: put(m, allowed_redirect_uris=["https://partner.example.com/stripe/return/"]),
        "Stripe would not send merchants back here",
    ),
    "no redirects": (lambda m: put(m, allowed_redirect_uris=None), "allowed_redirect_uris lacks"),
    "other name": (lambda m: put(m["constants"], site_name="Acme"), "calls the site 'Acme'"),
    "no constants": (lambda m: put(m, constants=None), "names no address for live mode"),
    "mode forgotten": (lambda m: m["constants"]["site"].pop("test"), "names no address for test mode"),
    "other site": (
        lambda m: put(m["constants"]["site"], live="https://acme.example"),
        "leads to https://acme.example in live mode, but Stripe may not",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_the_manifest_is_said(tmp_path: Path, settings: Settings, fault: str) -> None:
    spoil, sentence = FAULTS[fault]

    said = found(tmp_path, settings, spoil)

    assert any(sentence in one for one in said), said
    with pytest.raises(CommandError) as problem:
        call_command("stripe_app", "check")
    assert str(problem.value).splitlines() == said


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("{", "stripe-app.json is not JSON.", id="json"),
        pytest.param("[]", "stripe-app.json holds no JSON object.", id="list"),
    ],
)
def test_an_unreadable_manifest_is_one_sentence(
    tmp_path: Path, settings: Settings, content: str, sentence: str
) -> None:
    package = copied(tmp_path, settings)
    (package / "stripe-app.json").write_text(content)

    assert agreement.disagreements() == [sentence]


@pytest.mark.parametrize("gone", ["stripe-app.json", "stripe-app.schema.json", "stripe-app.dev.json"])
def test_a_missing_file_is_said(tmp_path: Path, settings: Settings, gone: str) -> None:
    package = copied(tmp_path, settings)
    (package / gone).unlink()

    assert f"{gone} cannot be read: No such file or directory." in agreement.disagreements()


@pytest.mark.parametrize(
    ("icon", "sentence"),
    [
        pytest.param(b"GIF89a" + bytes(40), "is not a PNG", id="gif"),
        pytest.param(b"\x89PNG", "is not a PNG", id="cut"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x20\x00\x00\x01\x2c",
            "is 32 by 300 pixels",
            id="size",
        ),
    ],
)
def test_an_icon_that_stripe_would_refuse_is_said(
    tmp_path: Path, settings: Settings, icon: bytes, sentence: str
) -> None:
    package = copied(tmp_path, settings)
    (package / "icon.png").write_bytes(icon)

    assert [one for one in agreement.disagreements() if sentence in one]


def test_in_production_the_laptops_address_does_not_count(tmp_path: Path, settings: Settings) -> None:
    copied(tmp_path, settings)
    settings.SITE_ENVIRONMENT = "production"

    assert [one for one in agreement.disagreements() if f"this site is {settings.SITE_URL}" in one]


def test_the_overlay_of_a_laptop_must_lead_to_the_demo(tmp_path: Path, settings: Settings) -> None:
    package = copied(tmp_path, settings)
    rewrite(package / "stripe-app.dev.json", lambda overlay: overlay["constants"].clear())

    assert [one for one in agreement.disagreements() if f"this site is {settings.SITE_URL}" in one]


def spoilt_page(folder: Path, settings: Settings, old: str, new: str) -> None:
    """The site has another connect page."""
    text = (production.PROJECT / "templates" / "stripe_keys" / "connect.html").read_text()
    assert old in text
    (folder / "stripe_keys").mkdir()
    (folder / "stripe_keys" / "connect.html").write_text(text.replace(old, new))
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [folder, *engine["DIRS"]]}]


def test_a_connect_page_that_lacks_a_permission_is_said(tmp_path: Path, settings: Settings) -> None:
    spoilt_page(tmp_path, settings, "for one in permissions %", 'for one in permissions|slice:"1:" %')

    (live, test) = agreement.disagreements()

    first = permissions.required()[0]
    assert live.startswith("The connect page of live mode does not list the manifest's permissions: without ")
    assert first.purpose in live
    assert "test mode" in test


def test_a_connect_page_with_another_purpose_is_said(tmp_path: Path, settings: Settings) -> None:
    spoilt_page(tmp_path, settings, "{{ one.purpose }}", "{{ one.purpose|upper }}")

    (live, _) = agreement.disagreements()

    assert permissions.required()[0].purpose.upper() in live


def test_a_link_that_ticks_too_much_is_said(tmp_path: Path, settings: Settings) -> None:
    spoilt_page(
        tmp_path, settings, "{{ prefilled_link }}", "{{ prefilled_link }}&permissions%5B%5D=rak_file_write"
    )

    (live, _) = agreement.disagreements()

    assert live.startswith("The link to Stripe's form in live mode does not tick the manifest's permissions")
    assert live.endswith(": with rak_file_write besides.")


def test_a_connect_page_without_a_link_to_stripes_form_is_said(tmp_path: Path, settings: Settings) -> None:
    spoilt_page(tmp_path, settings, "{{ prefilled_link }}", "")

    assert "The connect page of test mode has no link to Stripe's form." in agreement.disagreements()


def test_a_permission_of_the_app_alone_is_on_no_page_and_agrees(tmp_path: Path, settings: Settings) -> None:
    assert found(tmp_path, settings, lambda m: m["permissions"].append(entry("api_key_write"))) == []
    assert "api_key_write" not in {one.permission for one in permissions.required()}
    assert "api_key_write" not in permissions.prefilled_dashboard_link(livemode=True)


def test_no_further_key_is_asked_for_what_is_the_apps_alone(tmp_path: Path) -> None:
    purpose = tmp_path / "billing.json"
    purpose.write_text(json.dumps({"label": "Billing", "permissions": [entry("api_key_write")]}))

    with pytest.raises(ManifestError, match="api_key_write"):
        read(purpose)
