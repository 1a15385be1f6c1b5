"""The bench of validation runs to its last line, and its stand-in answers as the local Stripe does."""

import json
import re
import subprocess
import sys

import pytest

from bench.validation.recording import Answer, Recording
from bench.validation.stand_in import Answers, ids_of
from local_stack.folders import PROJECT
from tests.people import a_restricted_key

LAST_LINE = re.compile(
    r"validation: keys_per_s=\d+ vs_sdk_shared_client=\d+\.\d\d vs_naive_sdk=\d+\.\d"
    r" paste_to_verdict_round_trips=\d+\.\d\d fair_p99_ratio=\d+\.\d\d sweep_1m_vs_20k=\d+\.\d\d"
)


@pytest.mark.processes
def test_every_measurement_comes_to_its_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.validation", "--quick"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert LAST_LINE.fullmatch(ended.stdout.splitlines()[-1])


@pytest.fixture
def answers() -> Answers:
    """One recorded answer."""
    body = json.dumps({"id": "acct_1Recorded", "object": "account"})
    told = Answer("get", "/v1/account", 200, {"Content-Type": "application/json"}, body)
    return Answers(json.loads(Recording("acct_1Recorded", "mk_1Recorded", [told]).as_json()))


def test_stand_in_names_the_account_of_whoever_asks(answers: Answers) -> None:
    token = a_restricted_key()

    head, _, body = answers.whole(b"GET /v1/account", token).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    assert json.loads(body) == {"id": ids_of(token)[0], "object": "account"}


def test_stand_in_invents_no_answer(answers: Answers) -> None:
    assert answers.whole(b"GET /v1/charges?limit=1", a_restricted_key()).startswith(b"HTTP/1.1 404 ")
