"""The bench of the vault runs to its last line, and would notice a loss."""

import re
import subprocess
import sys

import pytest

from bench.vault.seeding import open_merchants, store_keys
from bench.vault.traffic import work_until_asked_to_end
from bench.vault.verdict import Verdict, verdict
from local_stack.folders import PROJECT
from stripe_keys.models import KeyEnvelope, MerchantDataKey

LAST_LINE = re.compile(
    r"vault: encrypt_vs_bare=\d+\.\d\d decrypt_vs_bare=\d+\.\d\d vs_fernet_field=\d+\.\d\d"
    r" rewrap_rows=400 failed_reads=0 lost=0"
)


@pytest.mark.processes
def test_a_rotation_that_is_killed_half_way_loses_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.vault", "--quick"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert LAST_LINE.fullmatch(ended.stdout.splitlines()[-1])
    assert ended.stdout.count("failed: none") == 2
    assert "for 10000" not in ended.stdout


def test_whole_rows_are_no_loss(db: None) -> None:
    made = open_merchants(3)
    store_keys(made, 2)

    assert verdict(made, stored=2) == Verdict(lost_data_keys=0, lost_keys=0, left_on_old=0)


def test_missing_and_damaged_rows_are_losses(db: None) -> None:
    made = open_merchants(4)
    store_keys(made, 3)
    envelopes = list(KeyEnvelope.objects.all())
    envelopes[0].delete()
    KeyEnvelope.objects.filter(pk=envelopes[1].pk).update(envelope=b"\x01" * 204)
    MerchantDataKey.objects.filter(envelopes=None).order_by("pk")[:1].get().delete()

    assert verdict(made, stored=3) == Verdict(lost_data_keys=1, lost_keys=2, left_on_old=0)


def test_a_data_key_that_became_another_is_a_loss(db: None) -> None:
    [merchant] = made = open_merchants(1)

    assert verdict({merchant: bytes(32)}, stored=0).lost_data_keys == len(made)


def test_what_fails_beside_a_rotation_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(number: int) -> bool:
        if number == 4:
            monkeypatch.setattr("bench.vault.traffic._Ending.asked", True)
        if number == 2:
            raise ConnectionError
        return number != 3

    tally = work_until_asked_to_end(step)

    assert tally.done == 2
    assert tally.failed == {"ConnectionError": 1, "AnotherKey": 1}
