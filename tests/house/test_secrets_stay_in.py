"""A key's text is taken out in few places, and none is ever written down in the project."""

import ast
import re
from pathlib import Path

from tests.house import ground

# Each line is a place to read closely. A new one needs a reason that a reviewer accepts.
REVEALS = {
    ("stripe_keys/gateway.py", "client_for"),  # for the request to Stripe
    ("stripe_keys/secret.py", "__eq__"),  # compared in constant time
    ("stripe_keys/vault/keys.py", "encrypt_under"),
    ("stripe_keys/vault/fingerprints.py", "fingerprints"),
}

LIVE_SHAPED = re.compile(r"(?:rk|sk)_live_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}|absec_[A-Za-z0-9]{16,}")
REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|files\.pythonhosted\.org|https?://[^\s\"']*/simple\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:root|work|home/\w+|Users/\w+)/")


def reveals_in(path: Path) -> set[tuple[str, str]]:
    """The functions of a module that take a secret's text out."""
    return {
        (str(path), function.name)
        for function in ground.functions_of(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reveal"
    }


def test_secrets_are_revealed_only_where_we_know_of() -> None:
    apps = [path for path in ground.modules() if path.parts[0] in ground.APPS]

    assert set().union(*(reveals_in(path) for path in apps)) == REVEALS


def test_no_file_says_what_it_must_not() -> None:
    found = []
    for path in ground.files():
        try:
            text = (ground.PROJECT / path).read_text()
        except UnicodeDecodeError:
            continue  # a picture
        if path == Path(__file__).relative_to(ground.PROJECT):
            continue
        found += [
            f"{path}: {kind}"
            for kind, pattern in (
                ("a key", LIVE_SHAPED),
                ("a registry's address", REGISTRY),
                ("a path of one machine", MACHINE_PATH),
            )
            if pattern.search(text)
        ]

    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert LIVE_SHAPED.search("rk_live_" + "a" * 16)
    assert LIVE_SHAPED.search("whsec_" + "a" * 24)
    assert REGISTRY.search("--index-url " + "https://registry.example/simple")
    assert MACHINE_PATH.search('"/home/' + 'ada/site"')
    assert not MACHINE_PATH.search("tests/work/test_engine.py")
