"""What the documents name exists; what the project promises to keep is there."""

import re
from importlib import import_module

import pytest
from django.conf import settings
from django.template.loader import get_template

from tests.house import ground

HOW_IT_WORKS = ground.PROJECT / "docs" / "how-it-works.md"
CODE = re.compile(r"`([^`\n]+)`")
OUR_PATH = re.compile(r"(?<![\w/.])(?:tests|docs|stripe_keys)/[\w./-]*")
DOTTED = re.compile(rf"(?:{'|'.join(ground.PACKAGES)})(?:\.\w+)+")


def names_in_how_it_works() -> list[str]:
    """Everything that docs/how-it-works.md sets in code type."""
    return sorted(set(CODE.findall(HOW_IT_WORKS.read_text()))) if HOW_IT_WORKS.exists() else []


def exists(name: str) -> bool:
    """Whether a name is a setting, a template, a file, or something in one of our modules; nothing else counts."""
    if name.isupper():
        return hasattr(settings, name)
    if name.endswith(".html"):
        return (ground.PROJECT / "templates" / name).is_file()
    if "/" in name or name == "pyproject.toml":
        return (ground.PROJECT / name).exists()
    return bool(DOTTED.fullmatch(name)) and _in_a_module(name)


def _in_a_module(name: str) -> bool:
    """Whether the dotted name can be imported, its end perhaps as an attribute of an attribute."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def test_how_it_works_names_enough_to_follow_both_paths() -> None:
    assert len(names_in_how_it_works()) >= 15


@pytest.mark.parametrize("name", names_in_how_it_works())
def test_every_name_in_how_it_works_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize(
    "name", ["work.engine.gone", "gone/file.py", "gone.html", "GONE_SETTING", "some words"]
)
def test_a_name_that_does_not_exist_is_noticed(name: str) -> None:
    assert not exists(name)


def papers() -> list[str]:
    """Every document that names our own files."""
    documents = {path.relative_to(ground.PROJECT) for path in (ground.PROJECT / "docs").glob("*.md")}
    return [*sorted(map(str, documents)), "README.md", "SECURITY.md"]


def paths_in(text: str) -> list[str]:
    """The paths of tests, documents and modules that a document sets in code type."""
    return [path for code in CODE.findall(text) for path in OUR_PATH.findall(code)]


@pytest.mark.parametrize("paper", papers())
def test_every_path_that_a_document_names_exists(paper: str) -> None:
    named = paths_in((ground.PROJECT / paper).read_text())
    places = (ground.PROJECT, ground.PROJECT / "templates")

    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_a_path_that_a_document_names_is_found() -> None:
    text = (
        "see `pytest tests/gone/ -q`, `stripe_keys/gone.py:_it`, tests/plain.py and `/ops/stripe_keys/page/`"
    )

    assert paths_in(text) == ["tests/gone/", "stripe_keys/gone.py"]


def test_there_is_a_changelog() -> None:
    assert "## " in (ground.PROJECT / "CHANGELOG.md").read_text()


def templates() -> list[str]:
    """Every template, by the name it is loaded by."""
    return sorted(
        str(path.relative_to("templates"))
        for path in ground.files()
        if path.parts[0] == "templates" and path.suffix in {".html", ".txt"}
    )


@pytest.mark.parametrize("name", templates())
def test_every_template_compiles(name: str) -> None:
    get_template(name)
