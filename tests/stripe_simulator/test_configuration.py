"""A configuration that cannot be used: one sentence says why."""

from pathlib import Path

import pytest

from stripe_simulator.config import ConfigError, read


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("not json", "is not JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "names no manifest"),
        ('{"manifest": "stripe_app/nowhere.json"}', "cannot be read"),
        ('{"manifest": "stripe_app/stripe-app.json", "error_wording": "1999"}', "error_wording is one of"),
        (
            '{"manifest": "stripe_app/stripe-app.json", "webhook_endpoints": [{"id": "we", "url": "ftp://x"}]}',
            "url begins with",
        ),
    ],
    ids=["text", "list", "empty", "no-such-file", "wording", "endpoint"],
)
def test_unusable_configuration_is_one_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    config = tmp_path / "simulator.json"
    config.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=sentence) as problem:
        read(config)

    assert "\n" not in str(problem.value)
