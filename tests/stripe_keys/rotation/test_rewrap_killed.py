"""A rewrap that is killed in the middle loses nothing, and the next one goes on."""

import os
import sys
from pathlib import Path

import psycopg
import pytest
from pytest_django import Settings

from local_stack.folders import PROJECT
from local_stack.lifetimes import start_child
from stripe_keys import vault
from stripe_keys.models import MerchantDataKey
from stripe_keys.vault import data_keys
from tests.locks import somebody_waits
from tests.stripe_keys.rotation.stored import key_material_in, many_stored_keys
from tests.waiting import eventually
from tests.work.processes import database_url

KEYS, KILLS = 40, 3


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_killed_three_times_it_still_comes_to_an_end(
    old_kek: str, new_kek: str, settings: Settings, tmp_path: Path
) -> None:
    keys = many_stored_keys(KEYS)
    rows = list(MerchantDataKey.objects.order_by("pk").values_list("pk", flat=True))
    log = tmp_path / "rewrap.log"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "KEY_ENCRYPTION_KEYS": f"{new_kek},{old_kek}",
        "FINGERPRINT_KEYS": ",".join(settings.FINGERPRINT_KEYS),
    }
    command = [sys.executable, "manage.py", "rewrap_data_keys", "--batch-size", "2"]
    moved = []

    for number in range(1, KILLS + 1):
        with psycopg.connect(database_url()) as other:
            # A row in the middle is held, so that the run is surely between two batches' writes when it is killed.
            held = rows[KEYS * number // (KILLS + 1)]
            other.execute("SELECT FROM stripe_keys_merchantdatakey WHERE id = %s FOR UPDATE", [held])
            process = start_child(command, log=log, cwd=PROJECT, environment=environment)
            eventually(lambda: somebody_waits() or process.poll() is not None, timeout=60)  # noqa: B023
            process.kill()
            assert process.wait() == -9, log.read_text()
            moved.append(MerchantDataKey.objects.filter(kek_id="k2").count())
    last = start_child(command, log=log, cwd=PROJECT, environment=environment)

    assert last.wait(timeout=60) == 0, log.read_text()
    assert moved == sorted(set(moved))
    assert 0 < moved[0] < moved[-1] < KEYS
    assert "0 rows on kek k1" in log.read_text()
    assert key_material_in(log.read_text()) == []
    assert MerchantDataKey.objects.counts_by_kek_id() == {"k2": KEYS}
    settings.KEY_ENCRYPTION_KEYS = [new_kek]
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]
