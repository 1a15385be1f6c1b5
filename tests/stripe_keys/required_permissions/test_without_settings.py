"""`python -m stripe_keys.required_permissions`, run as a CI does: no settings, no database, no package installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.folders import PROJECT

pytestmark = pytest.mark.processes
DOOR = (
    "import runpy, sys; sys.path.insert(0, '.'); "
    "runpy.run_module('stripe_keys.required_permissions', run_name='__main__')"
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command by a Python without packages (`-I -S`), in an empty environment."""
    command = [sys.executable, "-I", "-S", "-c", DOOR, *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env={}, capture_output=True, text=True, timeout=60, check=False
    )


def test_nothing_but_python_is_needed_and_the_statuses_can_be_told_apart(tmp_path: Path) -> None:
    reads, writes = tmp_path / "reads.py", tmp_path / "writes.py"
    reads.write_text("import stripe\nstripe.Customer.list()\n")
    writes.write_text("import stripe\nstripe.Customer.create()\n")
    own = tmp_path / "app.json"
    own.write_text(json.dumps({"permissions": [{"permission": "customer_write", "purpose": "Needed."}]}))

    well, missing, nowhere = run(str(reads)), run(str(writes)), run(str(tmp_path / "nowhere"))
    by_another, unreadable = (
        run(str(writes), "--manifest", str(own)),
        run(str(reads), "--manifest", "no.json"),
    )

    assert (well.returncode, well.stderr) == (0, "")
    assert "Read 1 file with 1 call: 0 missing" in well.stdout
    assert (missing.returncode, missing.stderr) == (1, "")
    assert "  customer_write (Customers: write)\n" in missing.stdout
    assert nowhere.returncode == 2
    assert "nowhere does not exist.\n" in nowhere.stdout
    assert (by_another.returncode, by_another.stderr) == (0, "")
    assert (unreadable.returncode, unreadable.stdout) == (2, "")
    assert unreadable.stderr == "no.json is not a readable app manifest.\n"
    assert run().returncode == 2, "without a path"
