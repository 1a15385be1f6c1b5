"""The ledger's file keeps whole lines, whoever writes, whatever tears."""

import json
import stat
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stripe_keys.ledger import file as ledger_file
from stripe_keys.ledger.file import LedgerFile
from tests.production import PROJECT


@pytest.fixture
def file(tmp_path: Path) -> LedgerFile:
    return LedgerFile(tmp_path / "ledger.jsonl")


def a_record(**fields: Any) -> dict[str, Any]:
    nothing = {"merchant": None, "key": None, "status": "", "reason": "", "at": "2026-01-02T03:04:05+00:00"}
    return {"v": 1, "entry": str(uuid.uuid4()), "kind": "mark", **nothing, **fields}


def append(file: LedgerFile, record: dict[str, Any]) -> None:
    with file.opened() as opened:
        opened.append(record)


def test_what_was_appended_is_read_in_order(file: LedgerFile) -> None:
    records = [a_record(number=number) for number in range(3)]
    for record in records:
        append(file, record)

    assert list(file.records()) == file.tail() == records


def test_only_its_owner_reads_it(file: LedgerFile) -> None:
    append(file, a_record())

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_file_that_is_not_there_is_empty(file: LedgerFile) -> None:
    assert (file.tail(), list(file.records())) == ([], [])


@pytest.mark.parametrize(
    "torn", ['{"v":1,"ent', "{", "nonsense\n", '{"v":1}\n', '{"entry":7}\n', "[]\n", "\0\0\0\n"]
)
def test_a_torn_line_is_passed_over_and_spoils_no_other(file: LedgerFile, torn: str) -> None:
    first, second = a_record(), a_record()
    append(file, first)
    with file.path.open("a") as handle:
        handle.write(torn)
    assert file.tail() == [first]

    append(file, second)

    assert list(file.records()) == file.tail() == [first, second]


def test_a_line_that_is_whole_and_no_entry_is_told_from_a_torn_one(file: LedgerFile) -> None:
    append(file, a_record())
    with file.path.open("a") as handle:
        handle.write('{"v":1,"ent\n[]\n\0\0\n{"v":1}\n7')

    assert file.ill_formed() == [3, 5]
    assert len(list(file.records())) == 1


def test_a_last_line_without_its_end_is_no_record_yet(file: LedgerFile) -> None:
    whole = a_record()
    append(file, whole)
    with file.path.open("a") as handle:
        handle.write(json.dumps(a_record()))

    assert list(file.records()) == file.tail() == [whole]


FILL = """
import resource, signal, sys
import django
django.setup()
from stripe_keys.ledger.file import LedgerFile
file = LedgerFile(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (file.path.stat().st_size + 20, resource.RLIM_INFINITY))
try:
    with file.opened() as opened:
        opened.append({"entry": sys.argv[2]})
except OSError as problem:
    print(type(problem).__name__)
"""


@pytest.mark.processes
def test_a_disk_that_fills_up_in_the_middle_of_a_line_costs_that_line_alone(file: LedgerFile) -> None:
    first, second = a_record(), a_record()
    append(file, first)
    size = file.path.stat().st_size

    ended = subprocess.run(
        [sys.executable, "-c", FILL, str(file.path), str(uuid.uuid4())],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    append(file, second)

    assert ended.stdout == "OSError\n", ended.stderr
    assert file.path.read_bytes()[size : size + 21].endswith(b"\n")  # the torn twenty bytes are there
    assert list(file.records()) == [first, second]


def test_many_at_once_take_turns(file: LedgerFile) -> None:
    records = [a_record(long="x" * 3000, number=number) for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda record: append(file, record), records))

    found = list(file.records())
    assert len(file.path.read_text().splitlines()) == 60
    assert sorted(one["number"] for one in found) == list(range(60))


def test_nobody_waits_for_ever_for_a_frozen_writer(file: LedgerFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "_PATIENCE_SECONDS", 0.1)
    with file.opened(), pytest.raises(BlockingIOError):
        append(file, a_record())


def test_the_end_of_a_long_file_is_read_alone(file: LedgerFile) -> None:
    lines = [json.dumps(a_record(number=number)) for number in range(100_000)]
    file.path.write_text("\n".join(lines) + "\n")
    before = bytes_read()

    tail = file.tail()

    assert bytes_read() - before < ledger_file.TAIL_BYTES + 4096 < file.path.stat().st_size / 50
    assert tail[-1]["number"] == 99_999
    assert [one["number"] for one in tail] == list(range(100_000 - len(tail), 100_000))


def bytes_read() -> int:
    """How many bytes this process has read so far, by the kernel's count."""
    return int(Path("/proc/self/io").read_text().split()[1])
