"""A process with unsafe settings ends before it serves, and says why without quoting them."""

import pytest

from tests import people, production

# What a process writes at its start (a canary) is there for all to see, so the tables are emptied afterwards.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
UNSAFE = {"STRIPE_API_BASE": "http://127.0.0.1:8100", "STRIPE_LOG": "debug"}
REFUSED = 4


@pytest.mark.parametrize(
    "process",
    [
        ["-m", "gunicorn", "--bind", "127.0.0.1:0", "partner_site.wsgi"],
        ["-m", "celery", "-A", "partner_site", "worker", "--pool", "solo"],
    ],
    ids=["web", "worker"],
)
def test_a_process_with_unsafe_settings_ends_instead_of_trying_for_ever(process: list[str]) -> None:
    key = production.an_encryption_key("demo-1")

    ended = production.run(*process, env=production.environment(KEY_ENCRYPTION_KEYS=key, **UNSAFE))

    assert ended.returncode == REFUSED
    assert "KEY_ENCRYPTION_KEYS holds a key made for a laptop. Make a new one" in ended.stderr
    assert "STRIPE_API_BASE is not Stripe." in ended.stderr
    assert "Unset STRIPE_LOG" in ended.stderr
    assert key not in ended.stderr + ended.stdout


LAST_WORDS = """
import partner_site.wsgi, resource, sys, threading
print("serves", resource.getrlimit(resource.RLIMIT_CORE)[0])
problem = ValueError("\\nrefused " + sys.argv[1])
def fail():
    raise problem
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_a_web_process_with_safe_settings_serves_and_its_last_words_hold_no_key() -> None:
    key = people.a_restricted_key(livemode=True)

    ended = production.run("-c", LAST_WORDS, key, env=production.environment())

    assert ended.stdout == "serves 0\n", ended.stderr  # and it would leave no core dump
    assert ended.returncode == 1
    assert ended.stderr.count("refused rk_live_…") == 2
    assert key[-20:] not in ended.stderr
