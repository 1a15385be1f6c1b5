"""Every template of ours compiles, and obeys the content security policy."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR) / "templates"
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.suffix in (".html", ".txt")
)
IN_A_BROWSER = [page for page in PAGES if page.endswith(".html") and "/mail/" not in page]


@pytest.mark.parametrize("name", PAGES)
def test_template_compiles(name: str) -> None:
    assert get_template(name)


@pytest.mark.parametrize("name", IN_A_BROWSER)
def test_template_holds_no_inline_script_or_style(name: str) -> None:
    text = (ROOT / name).read_text()

    assert not re.search(r"<style|\sstyle\s*=|javascript:|\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text.replace("help_text|safe", "")
