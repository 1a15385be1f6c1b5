"""Finding a browser, or getting one, or saying what to do."""

import os
from pathlib import Path

import pytest

from local_stack.browser import ensure_browser, find_browser
from local_stack.problems import StackError


def a_program(folder: Path, name: str, script: str = "exit 0") -> Path:
    """An executable that stands for a real one."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_browser_of_the_machine_is_taken(bare_path: Path) -> None:
    chrome = a_program(bare_path, "google-chrome")

    assert find_browser() == ensure_browser() == str(chrome)


def test_without_a_browser_and_a_way_to_get_one_there_is_one_sentence() -> None:
    with pytest.raises(
        StackError, match=r"^The tests need Chromium or Chrome, and there is none: install one"
    ):
        ensure_browser()


def test_root_has_it_installed_and_others_are_told(
    bare_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chromium = bare_path / "chromium"
    a_program(bare_path, "apt-get", f'echo "apt-get $*"; printf "" >{chromium}; /bin/chmod 755 {chromium}')

    if os.geteuid() != 0:
        with pytest.raises(StackError, match="sudo apt-get install chromium"):
            ensure_browser()
        return

    assert ensure_browser() == str(chromium)
    assert "install -q -y --no-install-recommends chromium" in capfd.readouterr().out


def test_an_installation_that_fails_is_one_sentence(bare_path: Path) -> None:
    a_program(bare_path, "apt-get", "exit 100")

    with pytest.raises(StackError, match=r"(`apt-get update -q` failed|sudo apt-get install chromium)"):
        ensure_browser()
