"""Settings that are numbers: read strictly, and refused where they would take a protection away."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from partner_site.checks import TAG
from partner_site.environment import Environment
from partner_site.setting_limits import LIMITS, check_limits
from stripe_keys import checks, gateway, tasks
from tests.house import ground

NAN, INFINITY = float("nan"), float("inf")
BEYOND: dict[str, list[float]] = {
    "STRIPE_TIMEOUT_SECONDS": [0, -1, 10.5, 60, NAN, INFINITY],
    "STRIPE_RATE_LIVE": [0, -1, NAN, INFINITY],
    "STRIPE_RATE_TEST": [0, -1],
    "STRIPE_RATE_SHARE": [0, 1.1, 80, NAN],
    "RECONCILE_REQUESTS_PER_SECOND": [0, -1, 51, NAN],
    "INSTALL_STATE_LIFETIME_SECONDS": [0, 100_000],
    "EVENT_BODIES_KEPT_DAYS": [0, 6],
    "EVENT_FACTS_KEPT_DAYS": [0, 44],
    "KEY_SERVICE_TIMEOUT_SECONDS": [0, NAN, 60],
    "BACKUP_LIFETIME_DAYS": [-1],
    "KEY_CHECK_PERIOD_SECONDS": [0, 59, 10**9],
    "PENDING_KEY_LIFETIME_DAYS": [0],
    "KEY_CONFIRM_DEAD_AFTER_SECONDS": [0, -60],
    "KEY_EXPIRY_LAG_SECONDS": [-1],
    "KEY_SHORTEST_CHECK_SECONDS": [-0.5, NAN],
    "KEY_CHECK_COOLDOWN_SECONDS": [-1],
    "KEY_EVENT_SPACING_SECONDS": [-1, 61, NAN],
    "KEY_SWEEP_REQUESTS_PER_SECOND": [0, -5, NAN],
    "KEY_BRAKE_SHARE": [0, 1, 5, -0.1, NAN, INFINITY],
    "KEY_BRAKE_ACCOUNTS": [0, -5],
    "KEY_BRAKE_WINDOW_SECONDS": [0, -600],
    "MANAGED_KEY_ROTATION_DAYS": [0, 10_000],
    "MANAGED_KEY_OVERLAP_MINUTES": [0, 10_081],
    "PASTE_LIMIT_PER_HOUR": [0],
    "PASTE_LIMIT_PER_DAY": [0, -1],
    "PASTE_LIMIT_PER_ADDRESS_PER_HOUR": [0],
    "WORKER_THREADS": [0, -1],
}


def test_the_settings_of_the_tests_lie_within_the_limits() -> None:
    assert check_limits(None) == []


def test_every_limit_is_tried() -> None:
    assert set(BEYOND) == set(LIMITS)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BEYOND.items() for value in values]
)
def test_a_value_beyond_its_limit_is_refused_by_name(settings: Settings, name: str, value: float) -> None:
    setattr(settings, name, value)

    [problem] = run_checks(tags=[TAG])

    assert problem.id == "partner_site.E040"
    assert problem.msg.startswith(f"{name} must be ")


def test_a_refusal_says_the_range(settings: Settings) -> None:
    settings.KEY_BRAKE_SHARE, settings.KEY_BRAKE_ACCOUNTS = 5.0, 0

    assert [problem.msg for problem in check_limits(None)] == [
        "KEY_BRAKE_SHARE must be more than 0 and less than 1.",
        "KEY_BRAKE_ACCOUNTS must be at least 1.",
    ]


def test_a_check_with_the_longest_timeout_ends_within_its_lease() -> None:
    rounds = 3 * (gateway.CONNECT_SECONDS + LIMITS["STRIPE_TIMEOUT_SECONDS"].most)

    assert checks._LONGEST_WAIT_SECONDS + rounds <= tasks.VALIDATIONS.lease.total_seconds()


# --- Reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["5%", "80%", "1e2", "nan", "inf", "-inf", "0,05", "1_000", "", "five", "٣", "1 2"]
)
@pytest.mark.parametrize("kind", ["int", "float"])
def test_what_is_no_plain_number_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    monkeypatch.setenv("SOME_LIMIT", text)

    with pytest.raises(ImproperlyConfigured, match=r"^SOME_LIMIT is not a ") as refusal:
        getattr(Environment(), kind)("SOME_LIMIT", default=7)

    assert not text or text not in str(refusal.value).replace("SOME_LIMIT", "")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("int", "60", 60),
        ("int", " -5\n", -5),
        ("float", "0.05", 0.05),
        ("float", "20", 20.0),
        ("float", "20.0", 20.0),
    ],
)
def test_a_plain_number_is_read(monkeypatch: pytest.MonkeyPatch, kind: str, text: str, expected: Any) -> None:
    monkeypatch.setenv("SOME_LIMIT", text)

    assert getattr(Environment(), kind)("SOME_LIMIT", default=7) == expected


def test_a_variable_that_is_not_set_has_its_default() -> None:
    assert Environment().float("A_LIMIT_THAT_NOBODY_SET", default=0.05) == 0.05


def test_a_process_with_a_percentage_for_a_share_ends_and_names_it() -> None:
    given = {"PATH": os.environ["PATH"], "KEY_BRAKE_SHARE": "5%"}
    given |= {
        "SECRET_KEY": "x" * 50,
        "SITE_URL": "https://partner.example.com",
        "STRIPE_APP_ID": "com.example",
    }
    given |= {"DATABASE_URL": "postgres://a@b/c", "REDIS_URL": "redis://r", "EMAIL_URL": "smtp://m:25"}
    given |= {"KEY_ENCRYPTION_KEYS": "", "FINGERPRINT_KEYS": ""}

    ended = subprocess.run(
        [sys.executable, "-c", "import partner_site.settings"],
        cwd=ground.PROJECT,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert "KEY_BRAKE_SHARE is not a number, such as 10 or 0.05" in ended.stderr
    assert "5%" not in ended.stderr
