"""Files of keys are changed whole or not at all; no key is shown, overwritten or thrown away."""

import base64
from pathlib import Path

import pytest

from partner_site.key_file import main


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the keys go."""
    return tmp_path / "key-encryption-keys"


def ids_in(path: Path) -> list[str]:
    return [entry.partition(":")[0] for entry in path.read_text().strip().split(",")]


def run(verb: str, key_id: str, path: Path) -> int:
    return main([verb, key_id, str(path)])


def test_a_new_file_holds_one_whole_key_for_its_owner_alone(path: Path) -> None:
    assert run("new", "k1", path) == 0

    key_id, _, encoded = path.read_text().strip().partition(":")
    assert (key_id, len(base64.b64decode(encoded, validate=True))) == ("k1", 32)
    assert path.stat().st_mode & 0o777 == 0o400


def test_a_rotation_adds_promotes_and_retires(path: Path) -> None:
    for verb, key_id in (("new", "k1"), ("add", "k2")):
        run(verb, key_id, path)
    old = path.read_text().split(",")[0]
    assert ids_in(path) == ["k1", "k2"]

    run("promote", "k2", path)
    assert ids_in(path) == ["k2", "k1"]

    run("retire", "k1", path)
    assert ids_in(path) == ["k2"]
    retired = path.with_name(f"{path.name}.retired-k1")
    assert retired.read_text().strip() == old
    assert retired.stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize(
    ("verb", "key_id", "why"),
    [
        ("new", "k1", "is there already"),
        ("add", "k1", "already; give the new one another id"),
        ("promote", "k9", "no key 'k9'"),
        ("retire", "k1", "stands first"),
        ("retire", "k9", "no key 'k9'"),
        ("add", "a/b", "made of letters"),
        ("add", "", "made of letters"),
    ],
)
def test_what_would_lose_a_key_is_refused_and_changes_nothing(
    path: Path, capsys: pytest.CaptureFixture[str], verb: str, key_id: str, why: str
) -> None:
    run("new", "k1", path)
    before = path.read_text()

    assert run(verb, key_id, path) == 1

    assert why in capsys.readouterr().err
    assert path.read_text() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_retired_key_is_never_written_over(path: Path) -> None:
    for verb, key_id in (("new", "k1"), ("add", "k2"), ("promote", "k2"), ("retire", "k1"), ("add", "k1")):
        run(verb, key_id, path)
    before = path.read_text()

    assert run("retire", "k1", path) == 1
    assert path.read_text() == before


@pytest.mark.parametrize("content", ["junk\n", "k1:AAAA,,k2:AAAA\n", "\udcff", "k1\n"])
def test_a_file_that_is_no_file_of_keys_is_left_alone(path: Path, content: str) -> None:
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    assert run("add", "k2", path) == 1
    assert path.read_bytes() == content.encode("utf-8", "surrogateescape")


def test_a_file_that_is_not_there_says_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "k2", path) == 1
    assert "Make it with `new`" in capsys.readouterr().err


def test_no_key_is_printed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb, key_id in (("new", "k1"), ("add", "k2"), ("promote", "k2"), ("retire", "k1")):
        run(verb, key_id, path)

    said = capsys.readouterr()
    for file in path.parent.iterdir():
        for entry in file.read_text().strip().split(","):
            assert entry.partition(":")[2] not in said.out + said.err
