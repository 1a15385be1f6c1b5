"""docs/going-live.md: its table follows the manifest, and what it names exists."""

import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from stripe_keys.app_package import agreement
from tests.house import ground
from tests.house.test_environment import example
from tests.stripe_app.package import copied, rewrite

GUIDE = ground.PROJECT / agreement.GUIDE
NAME = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`")


def test_every_setting_that_it_names_exists() -> None:
    named = set(NAME.findall(GUIDE.read_text()))

    assert len(named) > 20
    assert named - set(example()) == set()


def test_every_file_of_the_package_that_it_names_exists() -> None:
    rows = re.findall(r"^\| `([\w./-]+)` \| (?!.*\|.*\|)", GUIDE.read_text(), re.MULTILINE)

    assert len(rows) >= 6
    assert [row for row in rows if not (ground.PROJECT / "stripe_app" / row).exists()] == []


@pytest.mark.parametrize(
    "command",
    [
        "stripe apps create <name> --template restricted-api-key-app",
        "stripe apps set api-access-type restricted_api_key",
        "stripe apps upload",
        "stripe apps start --manifest stripe-app.dev.json",
    ],
)
def test_it_has_the_commands(command: str) -> None:
    assert f"\n{command}\n" in GUIDE.read_text()


def test_the_access_type_comes_before_the_first_upload() -> None:
    guide = GUIDE.read_text()

    assert guide.index("stripe apps set api-access-type") < guide.index("stripe apps upload")


def test_a_guide_that_lags_behind_is_said_and_written_anew(tmp_path: Path, settings: Settings) -> None:
    package = copied(tmp_path, settings)
    rewrite(package / "stripe-app.json", lambda manifest: manifest["permissions"].pop())

    with pytest.raises(CommandError, match="does not list the manifest's permissions"):
        call_command("stripe_app", "check")
    call_command("stripe_app", "docs")

    assert agreement.disagreements() == []
    assert "`subscription_read`" not in (tmp_path / agreement.GUIDE).read_text()
    assert "## 10. Keys that the app makes itself" in (tmp_path / agreement.GUIDE).read_text()


@pytest.mark.parametrize("verb", ["check", "docs"])
def test_a_guide_without_its_marks_is_said(tmp_path: Path, settings: Settings, verb: str) -> None:
    copied(tmp_path, settings)
    (tmp_path / agreement.GUIDE).write_text("# Going live\n")

    with pytest.raises(CommandError, match="has lost the marks"):
        call_command("stripe_app", verb)


@pytest.mark.parametrize("verb", ["check", "docs"])
def test_a_missing_guide_is_said(tmp_path: Path, settings: Settings, verb: str) -> None:
    copied(tmp_path, settings)
    (tmp_path / agreement.GUIDE).unlink()

    with pytest.raises(CommandError, match=r"going-live\.md cannot be read"):
        call_command("stripe_app", verb)
