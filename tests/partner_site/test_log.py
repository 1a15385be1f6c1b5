"""The log holds no key, whoever writes it and however."""

import json
import logging
import sys

import pytest
import structlog

from partner_site.log import ScrubbedFormatter, holds_a_key, logging_config, scrub
from tests import people


def lines_of(record: logging.LogRecord) -> str:
    formatter_config = logging_config("INFO")["formatters"]["line"]
    formatter = ScrubbedFormatter(
        processors=formatter_config["processors"], foreign_pre_chain=formatter_config["foreign_pre_chain"]
    )
    return formatter.format(record)


def a_record(message: str, *args: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("stripe_keys", logging.ERROR, "x.py", 1, message, args, exc_info)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "start",
    [
        "rk_live_",
        "rk_test_",
        "sk_live_",
        "sk_test_",
        "pk_live_",
        "sk_org_live_",
        "ek_test_",
        "whsec_",
        "absec_",
        "rkcs_",
    ],
)
def test_every_kind_of_key_is_cut_to_its_prefix(start: str) -> None:
    key = start + people.some_letters(24)

    assert scrub(f"before {key} after") == f"before {start}… after"
    assert holds_a_key(key)


def test_a_key_behind_an_escape_is_found() -> None:
    key = people.a_restricted_key(livemode=True)

    assert key[-20:] not in scrub(repr(f"\n{key}\n"))
    assert key[-20:] not in scrub(f"prefix{key}")


@pytest.mark.parametrize("word", ["desk_test_1234", "risk_live_data", "week_test_runs", "network_live_view"])
def test_a_word_that_ends_like_a_key_begins_stays_whole(word: str) -> None:
    assert scrub(f"the {word} is here") == f"the {word} is here"
    assert not holds_a_key(word)


def test_what_is_shown_of_a_key_stays_as_it_is() -> None:
    assert scrub("rk_live_…4242 of acct_1234567890") == "rk_live_…4242 of acct_1234567890"


def test_a_line_is_one_json_object_without_the_key() -> None:
    key = people.a_restricted_key()

    line = lines_of(a_record("refused %s", key))

    assert json.loads(line)["event"] == "refused rk_test_…"
    assert "\n" not in line


def test_an_exceptions_words_are_scrubbed() -> None:
    key = people.a_secret_key(livemode=True)
    try:
        int(f"Invalid header {key}")
    except ValueError:
        line = lines_of(a_record("failed", exc_info=sys.exc_info()))

    assert key[-20:] not in line
    assert "Invalid header sk_live_…" in line


def test_structlog_writes_through_the_same_handler(caplog: pytest.LogCaptureFixture) -> None:
    key = people.a_restricted_key()
    logging_config("INFO")

    structlog.get_logger("stripe_keys").warning("checked", pasted=key)

    assert "rk_test_…" in lines_of(caplog.records[0])
    assert key not in lines_of(caplog.records[0])


def test_loggers_with_handlers_of_their_own_lose_them() -> None:
    loggers = logging_config("INFO")["loggers"]

    for name in ("django", "django.server", "gunicorn.error"):
        assert loggers[name] == {"handlers": [], "propagate": True}


def test_loggers_that_quote_bodies_speak_only_of_trouble() -> None:
    loggers = logging_config("DEBUG")["loggers"]

    for name in ("stripe", "requests", "django.db.backends"):
        assert loggers[name]["level"] == "WARNING"
    assert loggers["urllib3"]["level"] == "ERROR", "its warnings quote addresses and answers"


def test_our_own_extras_are_logged_and_others_are_not() -> None:
    record = a_record("refused")
    record.merchant, record.request = "M-1", "<WSGIRequest: GET '/stripe/return/?state=…'>"

    line = json.loads(lines_of(record))

    assert line["merchant"] == "M-1"
    assert "request" not in line
