"""A key's text is taken out in few places, all listed; every other way is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ground, reveals
from tests.house.reveals import Reveal

LISTED = "stripe_keys/gateway/__init__.py:client_for"
GOOD = "def client_for(secret):\n    return use(secret.reveal())\n"


def in_planted(folder: Path, name: str, source: str) -> list[str]:
    """What the rule says of a project with one listed place and this file."""
    for path, text in ((Path("stripe_keys/gateway/__init__.py"), GOOD), (Path(name), source)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    paths = {Path("stripe_keys/gateway/__init__.py"), Path(name)}
    return reveals.complaints(reveals.reveals(folder, paths), [LISTED])


def test_secrets_are_revealed_only_where_we_know_of() -> None:
    assert reveals.complaints(reveals.reveals(ground.PROJECT, ground.files())) == []


def test_what_is_listed_is_all_right_and_nothing_else_is_said(tmp_path: Path) -> None:
    assert (
        in_planted(tmp_path, "stripe_keys/views/__init__.py", "def page(secret):\n    return secret.last4\n")
        == []
    )


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("def show(secret):\n    return secret.reveal()\n", "show"),
        ("async def show(secret):\n    return secret.reveal()\n", "show"),
        ("TEXT = SECRET.reveal()\n", "<module>"),
        ("show = lambda secret: secret.reveal()\n", "<lambda>"),
        ("class Page:\n    text = SECRET.reveal()\n", "Page.<body>"),
        ("class Page:\n    def show(self):\n        return self.secret.reveal()\n", "Page.show"),
        ("@told(SECRET.reveal())\ndef show():\n    pass\n", "<module>"),
        ("def show(text=SECRET.reveal()):\n    pass\n", "<module>"),
        ("class Page(made_of(SECRET.reveal())):\n    pass\n", "<module>"),
        ("def show(form):\n    return f'{form.secret.reveal()}'\n", "show"),
        ("def show(keys):\n    return [key.secret().reveal() for key in keys]\n", "show"),
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "stripe_keys/views/__init__.py",
        "stripe_keys/management/commands/show_keys.py",
        "stripe_keys/migrations/0099_show.py",
        "accounts/notices.py",
        "bench/vault.py",
        "manage.py",
    ],
)
def test_a_call_elsewhere_is_noticed(tmp_path: Path, name: str, source: str, site: str) -> None:
    (complaint,) = in_planted(tmp_path, name, source)

    assert complaint.startswith(f"{name}:{site} (line ")
    assert complaint.endswith("is not on the list in tests/house/reveals.py.")


@pytest.mark.parametrize(
    "inside",
    [
        "return lambda: secret.reveal()",
        "return (each.reveal() for each in secret)",
        "def inner():\n        return secret.reveal()\n    return inner",
        "class Inner:\n        text = secret.reveal()",
        "take = secret.reveal\n    return take()",
        "return map(Secret.reveal, [secret])",
        "return getattr(secret, 'reveal')()",
        "return methodcaller('reveal')(secret)",
        "return attrgetter('secret.reveal')(form)()",
        "return secret._text",
        "return object.__getattribute__(secret, name)",
        "return getattr(object, '__getattribute__')(secret, name)",
        "return secret_module._text_inside.__get__(secret)",
        "from stripe_keys.secret import _text_inside",
        "return gc.get_referents(secret)",
        "return Template('{{ secret.reveal }}').render(secret)",
        "return secret.reveal(True)",
    ],
)
def test_no_other_way_is_allowed_even_in_a_listed_function(tmp_path: Path, inside: str) -> None:
    source = f"def client_for(secret):\n    use(secret.reveal())\n    {inside}\n"

    found = reveals.reveals_in_module("stripe_keys/gateway/__init__.py", source)

    assert len(reveals.complaints(found, [LISTED])) == 1


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ secret.reveal }}</p>",
        "\n\n{{ form.secret.reveal|length }}",
        "{% with text=key.secret.reveal %}{% endwith %}",
        "{% if secret.reveal %}yes{% endif %}",
    ],
)
@pytest.mark.parametrize("name", ["templates/stripe_keys/key.html", "accounts/mail.txt"])
def test_a_template_that_reveals_is_noticed(tmp_path: Path, name: str, source: str) -> None:
    (complaint,) = in_planted(tmp_path, name, source)

    assert "reveals in a template" in complaint


def test_a_page_may_speak_of_revealing(tmp_path: Path) -> None:
    assert in_planted(tmp_path, "templates/key.html", "Press Reveal. {{ key.revealed_at }}") == []


def test_a_listed_place_that_reveals_nothing_is_noticed() -> None:
    found = [Reveal(LISTED, 1)]

    (complaint,) = reveals.complaints(found, [LISTED, "stripe_keys/views/__init__.py:show"])

    assert complaint.startswith("stripe_keys/views/__init__.py:show is on the list")


def test_the_command_prints_the_list() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.house.reveals"],
        cwd=ground.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == sorted(reveals.SITES)


def test_the_command_fails_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {Path(site.partition(":")[0]) for site in reveals.SITES}
    monkeypatch.setattr(ground, "files", lambda: sorted(listed))
    monkeypatch.delitem(reveals.SITES, LISTED)

    assert reveals.main() == 1
    assert capsys.readouterr().err.startswith(f"{LISTED} (line ")


def test_make_check_runs_the_command() -> None:
    recipe = (ground.PROJECT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]

    assert "-m tests.house.reveals\n" in recipe
