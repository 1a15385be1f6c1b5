"""No key, no registry and no machine is ever written down in the project."""

import re
from pathlib import Path

from tests.house import ground

LIVE_SHAPED = re.compile(r"(?:rk|sk)_live_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}|absec_[A-Za-z0-9]{16,}")
REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|files\.pythonhosted\.org|https?://[^\s\"']*/simple\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:root|work|home/\w+|Users/\w+)/")


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
