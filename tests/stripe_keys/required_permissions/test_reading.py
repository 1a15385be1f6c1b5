"""Files of any kind are read or named with a sentence: none of them ends the command with a traceback."""

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_keys.required_permissions.learning import names_of
from stripe_keys.required_permissions.reading import LARGEST, Fault, files_in, tree_of
from stripe_keys.required_permissions.resolving import calls_in
from stripe_keys.required_permissions.texts import HOLE

A_CALL = "import stripe\nstripe.Customer.list()\n"


def why(file: Path, content: str | bytes) -> tuple[str, int]:
    """What is wrong with a file of this content, and at which line."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    fault = tree_of(file)
    assert isinstance(fault, Fault)
    return fault.why, fault.line


@pytest.mark.parametrize(
    ("content", "sentence", "line"),
    [
        ("x = (\n", "is not Python as version", 1),
        ("x = 1\nimport =\n", "is not Python as version", 2),
        ("x = 1\ny = '\0'\n", "has a NUL character in it.", 2),
        (b"x = 1\ny = '\xe9'\n", "is not UTF-8 text.", 2),
        ("x = " + "9" * 10_000, "is not Python as version", 1),
        ("-" * 200_000 + "1", "is nested too deeply to be read.", 0),
        ("a" + ".a" * 100_000, "is nested too deeply to be read.", 0),
        ("not " * 100_000 + "1", "is nested too deeply to be read.", 0),
        ("if a: pass\n" + "elif a: pass\n" * 5_000, "is nested too deeply to be read.", 0),
        ("#" * (LARGEST + 1), "is larger than 1 MB.", 0),
    ],
    ids=["open", "syntax", "NUL", "latin-1", "number", "signs", "attributes", "nots", "elifs", "large"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str, sentence: str, line: int) -> None:
    told, at = why(tmp_path / "odd.py", content)

    assert told.startswith(sentence)
    assert at == line


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\ufeff" + A_CALL,
        A_CALL.replace("\n", "\r\n"),
        "\f" + A_CALL,
        "x = '\\d'\n",
        "# coding: no-such-codec\n",
    ],
    ids=["empty", "BOM", "CRLF", "form feed", "bad escape", "unknown codec"],
)
def test_a_file_that_is_only_unusual_is_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.py").write_bytes(content.encode())

    tree = tree_of(tmp_path / "odd.py")

    assert not isinstance(tree, Fault)
    assert len(calls_in(tree)) == ("stripe" in content)


@pytest.mark.parametrize(
    "source",
    [
        "import stripe\nc = stripe.StripeClient()\n" + "c = c.v1\n" * 500,
        "import stripe\nx = " + " or ".join(["stripe"] * 5_000),
        "a" + "()" * 90,
        "get('" + "https://api.stripe.com/v1/" * 5_000 + "')",
        "x = " + "+".join(["'a'"] * 900) + "\nclient.raw_request('get', x)",
    ],
    ids=["re-binding", "alternatives", "calls", "addresses", "concatenation"],
)
def test_what_grows_without_end_is_given_up(tmp_path: Path, source: str) -> None:
    (tmp_path / "odd.py").write_text(source)
    tree = tree_of(tmp_path / "odd.py")
    assert not isinstance(tree, Fault)

    assert [one.request for one in calls_in(tree) if one.request] == []


def test_a_text_that_multiplies_is_given_up() -> None:
    source = "x0 = 'y'\n" + "".join(f"x{n + 1} = f'{f'{{x{n}}}' * 20}'\n" for n in range(5))

    names = names_of(ast.parse(source))

    assert names.module.text_of("x2") == "y" * 400
    assert names.module.text_of("x3") == HOLE


@pytest.fixture(scope="module")
def any_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for many contents."""
    return tmp_path_factory.mktemp("any") / "any.py"


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_read_or_refused(any_file: Path, content: bytes) -> None:
    any_file.write_bytes(content)

    tree = tree_of(any_file)

    assert isinstance(tree, Fault) or calls_in(tree) == []


def test_what_is_nobodys_own_code_is_left_out(tmp_path: Path) -> None:
    for path in (
        *("app/billing.py", "app/notes.txt", "app/.hidden.py", ".git/hook.py", "app/migrations/0001.py"),
        *("venv/lib/x.py", "node_modules/x.py", "app/__pycache__/x.py", "odd.py/inside.py"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    (tmp_path / "app/elsewhere").symlink_to(tmp_path)
    (tmp_path / "app/gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "app/twice.py").symlink_to(tmp_path / "app/billing.py")
    os.mkfifo(tmp_path / "app/pipe.py")

    found = [str(one.relative_to(tmp_path)) if isinstance(one, Path) else one for one in files_in([tmp_path])]

    assert found == ["app/billing.py", "odd.py/inside.py"]


def test_what_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    script = tmp_path / "migrations/a-script"
    script.write_text(A_CALL)

    assert list(files_in([script, script])) == [script]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "does not exist."),
        ("pipe", "is neither a file nor a folder."),
        ("empty", "holds no Python file."),
        ("x\0y", "does not exist."),
        ("x" * 5000, "cannot be opened."),
    ],
    ids=["nowhere", "pipe", "empty", "NUL", "long"],
)
def test_a_path_that_leads_nowhere_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()

    assert list(files_in([tmp_path / name])) == [Fault(str(tmp_path / name), sentence)]
