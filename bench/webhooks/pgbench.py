"""PostgreSQL's own rate: the same columns, as many clients, and nothing of Python."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from bench.webhooks.deliveries import SNAPSHOT_BYTES
from bench.webhooks.sizes import CLIENTS
from local_stack.postgres import program
from local_stack.problems import StackError

NAME = "pgbench"
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_SCRIPT = f"""\
\\set n random(1, 9223372036854775807)
\\set account random(1, 1000)
INSERT INTO webhooks_eventnotification (event_id, type, payload, livemode, stripe_account_id, context, body,
    stripe_created_at, source, secret_name, body_sha256, is_masked, lane, priority, state, attempts, fence, claimed_by,
    problem, other_bodies, stripe_key_id, new_stripe_key_id, outcome, outcome_note)
VALUES ('evt_1' || :n, 'account.application.authorized', 'snapshot', false, 'acct_1Bench' || :account, '',
    repeat('x', {SNAPSHOT_BYTES}), now(), 'delivered', 'snapshot', decode(repeat('ab', 32), 'hex'), false,
    'acct_1Bench' || :account, 50, 'waiting', 0, 0, '', '', 0, '', '', '', '')
ON CONFLICT (event_id) DO NOTHING;
"""  # noqa: S608


def insert(count: int, folder: Path) -> float:
    """Insert at least so many rows, as CLIENTS clients with a prepared statement each; rows per second."""
    script = folder / "insert.sql"
    script.write_text(_SCRIPT)
    address = urlsplit(os.environ["DATABASE_URL"])
    command: list[str | Path] = [program("pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [f"--client={CLIENTS}", "--jobs=1", f"--transactions={-(-count // CLIENTS)}"]
    command += [f"--host={address.hostname}", f"--port={address.port}", f"--username={address.username}"]
    ended = subprocess.run(
        [os.fspath(part) for part in [*command, address.path.lstrip("/")]],
        env={"PGPASSWORD": address.password or "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = _RATE.search(ended.stdout)
    if ended.returncode or found is None:
        raise StackError(f"pgbench failed:\n{ended.stderr[-2000:]}")
    return float(found[1])
