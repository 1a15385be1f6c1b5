"""`.env.example` and the code agree on every variable, and every secret may lie in a file."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ground

SETTINGS = Path("partner_site/settings.py")
GUNICORN = Path("partner_site/gunicorn.py")
COMPOSE = Path("docker-compose.yml")
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "WEB_PORT"}
LINE = re.compile(r"^(#? ?)([A-Z][A-Z0-9_]+)=(.*)$")
SECRETS = [
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "KEY_ENCRYPTION_KEYS",
    "FINGERPRINT_KEYS",
    "STRIPE_APP_SIGNING_SECRETS",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_PLATFORM_KEY_LIVE",
    "STRIPE_PLATFORM_KEY_TEST",
    "STRIPE_MANAGED_KEY_LIVE",
    "STRIPE_MANAGED_KEY_TEST",
    "VAULT_TRANSIT_TOKEN",
    "METRICS_TOKEN",
    "PARTNER_WEBHOOK_SECRETS",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
]


def read_by_settings() -> dict[str, ast.expr | None]:
    """Every variable that settings read, with the expression of its default (None: it must be set)."""
    found: dict[str, ast.expr | None] = {}
    for node in ast.walk(ground.tree_of(SETTINGS)):
        if isinstance(node, ast.Call) and _is_env(node.func):
            name = ast.literal_eval(node.args[0])
            default = next((word.value for word in node.keywords if word.arg == "default"), None)
            found[str(name)] = default
    return found


def _is_env(function: ast.expr) -> bool:
    owner = function.value if isinstance(function, ast.Attribute) else function
    return isinstance(owner, ast.Name) and owner.id == "env"


def read_by_gunicorn() -> dict[str, str]:
    """Every variable that gunicorn's configuration reads, with its default."""
    calls = [node for node in ast.walk(ground.tree_of(GUNICORN)) if isinstance(node, ast.Call)]
    return {
        ast.literal_eval(call.args[0]): ast.literal_eval(call.args[1])
        for call in calls
        if ast.unparse(call.func) == "os.environ.get"
    }


def example_lines() -> list[str]:
    """The lines of .env.example."""
    return (ground.PROJECT / ".env.example").read_text().splitlines()


def example() -> dict[str, tuple[bool, str]]:
    """Every variable of .env.example: whether it must be set, and the value shown."""
    matches = filter(None, map(LINE.match, example_lines()))
    return {found[2]: (not found[1], found[3]) for found in matches}


def test_the_example_lists_what_the_code_reads_and_nothing_else() -> None:
    assert set(example()) - COMPOSE_ONLY == {*read_by_settings(), *read_by_gunicorn()}


def test_each_variable_is_listed_once() -> None:
    names = [found[2] for found in map(LINE.match, example_lines()) if found]

    assert len(names) == len(set(names))


def test_what_only_compose_reads_is_read_by_compose() -> None:
    text = (ground.PROJECT / COMPOSE).read_text()

    assert {name for name in COMPOSE_ONLY if f"${{{name}:" not in text} == set()


def test_what_must_be_set_stands_without_a_mark() -> None:
    required = {name for name, default in read_by_settings().items() if default is None}
    unmarked = {name for name, (is_set, _) in example().items() if is_set}

    assert required <= unmarked


@pytest.mark.parametrize("name", sorted(read_by_settings()))
def test_a_default_that_is_shown_is_the_code_s(name: str) -> None:
    default = read_by_settings()[name]
    must_be_set, shown = example()[name]
    if must_be_set or default is None or not shown:
        return
    assert shown == _as_text(default)


def _as_text(expression: ast.expr) -> str:
    """A default as somebody would write it into the environment."""
    if ast.unparse(expression) == "str(BASE_DIR / 'staticfiles')":
        return "staticfiles"
    value = eval(compile(ast.Expression(expression), "settings", "eval"), {"__builtins__": {}})  # noqa: S307 - ours
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("name", "default"), sorted(read_by_gunicorn().items()))
def test_gunicorn_s_defaults_are_shown(name: str, default: str) -> None:
    assert example()[name] == (False, default)


def test_each_variable_is_explained_by_a_sentence_above_it() -> None:
    unexplained, comment = [], ""
    for line in example_lines():
        found = LINE.match(line)
        if found and not comment:
            unexplained.append(found[2])
        elif not found:
            comment = line if line.startswith("# ") and not line.startswith("# ---") else ""

    assert unexplained == []


def test_every_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    values = {name: _value_of(name) for name in SECRETS}
    given = {
        "PATH": os.environ["PATH"],
        "SITE_URL": "https://partner.example.com",
        "STRIPE_APP_ID": "com.example",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")  # as an editor or `echo` leaves it
        given[f"{name}_FILE"] = str(tmp_path / name)
    script = f"""
import json, partner_site.settings as s
print(json.dumps({{**{{n: getattr(s, n, None) for n in {SECRETS}}}, "DATABASE_URL": s.DATABASES["default"]["PASSWORD"],
    "EMAIL_URL": s.EMAIL_HOST_PASSWORD}}, default=str))
"""
    printed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ground.PROJECT,
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "\\n" not in printed.stdout
    for name, value in values.items():
        assert _last_word(value) in printed.stdout, name


def _value_of(name: str) -> str:
    word = f"inafile{name.replace('_', '').lower()}"
    addresses = {
        "DATABASE_URL": f"postgres://site:{word}@db/site",
        "REDIS_URL": f"redis://:{word}@redis/0",
        "EMAIL_URL": f"smtp://somebody:{word}@mail:25",
    }
    return addresses.get(name, word)


def _last_word(value: str) -> str:
    found = re.search(r"inafile\w+", value)
    assert found
    return found[0]


def test_a_secret_that_stands_where_a_path_should_is_not_shown(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "SECRET_KEY_FILE": "not-a-path-but-the-secret-itself"}

    ended = subprocess.run(
        [sys.executable, "-c", "import partner_site.settings"],
        cwd=ground.PROJECT,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "SECRET_KEY_FILE does not name a text file" in ended.stderr
    assert given["SECRET_KEY_FILE"] not in ended.stderr
