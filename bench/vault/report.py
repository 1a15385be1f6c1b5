"""Both measurements in turn, as text; the last line has the figures that count."""

import base64
import os
from collections import Counter
from pathlib import Path
from statistics import median

from django.core.management import call_command

from bench.vault import machine
from bench.vault.contenders import BARE, FERNET, VAULT
from bench.vault.pieces import pieces
from bench.vault.rotation import Rewrapping, Run, Traffic, traffic
from bench.vault.rounds import Timings, measure, ratio
from bench.vault.seeding import open_merchants, store_keys, use_keys
from bench.vault.sizes import Sizes
from bench.vault.verdict import Verdict, verdict

CALM_GOAL = 10_000  # merchants, in at most 60 s


def run(sizes: Sizes, folder: Path) -> int:
    """Measure and print; 0 when every read succeeded and nothing is lost, else 1."""
    print(machine.described())
    call_command("migrate", interactive=False, verbosity=0)
    timings = measure(rounds=sizes.rounds, operations=sizes.operations)
    _print_timings(timings, sizes)
    _print_pieces(sizes)
    beside, found = _rotate(sizes, folder)
    failed = beside.failed_opens.total() + beside.failed_pastes.total()
    print(_last_line(timings, sizes, failed, found.lost))
    return 1 if failed or found.lost or found.left_on_old else 0


def _last_line(timings: Timings, sizes: Sizes, failed: int, lost: int) -> str:
    fernet = max(ratio(times, FERNET).middle for times in (timings.encrypt, timings.decrypt))
    return (
        f"vault: encrypt_vs_bare={ratio(timings.encrypt, BARE).middle:.2f}"
        f" decrypt_vs_bare={ratio(timings.decrypt, BARE).middle:.2f} vs_fernet_field={fernet:.2f}"
        f" rewrap_rows={sizes.tenants} failed_reads={failed} lost={lost}"
    )


def _print_timings(timings: Timings, sizes: Sizes) -> None:
    print(f"\nCPU time of one operation in µs, median of {sizes.rounds} rounds of {sizes.operations};")
    print("the vault's as a multiple of each, with quartiles.\n")
    print(f"{'':14}{'encrypt':>8}  {'vault is':20}{'decrypt':>8}  vault is")
    for name, words in timings.words.items():
        columns = [
            (median(times[name]), _as_multiple(times, name)) for times in (timings.encrypt, timings.decrypt)
        ]
        cells = "".join(f"{spent:8.2f}  {multiple:20}" for spent, multiple in columns)
        print(f"{name:14}{cells}{words}")


def _as_multiple(times: dict[str, list[float]], name: str) -> str:
    if name == VAULT:
        return ""
    found = ratio(times, name)
    return f"{found.middle:.2f} ({found.low:.2f}-{found.high:.2f})"


def _print_pieces(sizes: Sizes) -> None:
    print("\nWhere the vault's time goes, each step alone, in µs:\n")
    for name, spent in pieces(rounds=max(3, sizes.rounds // 3), operations=sizes.operations).items():
        print(f"{name:42}{spent:7.2f}")


def _rotate(sizes: Sizes, folder: Path) -> tuple[Traffic, Verdict]:
    first, second, third = (f"bench-{n}:{base64.b64encode(os.urandom(32)).decode()}" for n in (1, 2, 3))
    use_keys(first)
    made = open_merchants(sizes.calm_tenants)
    use_keys(second, first)
    calm = Rewrapping(old="bench-1", batch=sizes.batch, folder=folder).finish()
    _print_run("\nRotation, nobody else there", calm)
    if calm.rows >= CALM_GOAL:  # fewer would take as long to start as to rotate, and say nothing
        print(f"  for {CALM_GOAL} merchants: {calm.seconds * CALM_GOAL / calm.rows:.1f} s")
    made |= open_merchants(sizes.tenants - len(made))
    store_keys(made, sizes.stored_keys)
    use_keys(third, second)
    with traffic(readers=sizes.readers, folder=folder) as beside:
        _print_run(
            "Rotation beside the site's work, killed",
            Rewrapping(old="bench-2", batch=sizes.batch, folder=folder).kill_half_way(),
        )
        _print_run(
            "  run again to its end", Rewrapping(old="bench-2", batch=sizes.batch, folder=folder).finish()
        )
    use_keys(third)
    found = verdict(made, stored=sizes.stored_keys + beside.pasted)
    _print_traffic(beside, found)
    return beside, found


def _print_run(words: str, done: Run) -> None:
    print(f"{words}: {done.rows} rows in {done.seconds:.1f} s, {done.rows / done.seconds:.0f} rows/s")


def _print_traffic(beside: Traffic, found: Verdict) -> None:
    print(f"  meanwhile opened: {beside.opened}, failed: {_counted(beside.failed_opens)}")
    print(f"  meanwhile pasted: {beside.pasted}, failed: {_counted(beside.failed_pastes)}")
    print(f"  left on the old key: {found.left_on_old}; data keys lost: {found.lost_data_keys};", end=" ")
    print(f"keys lost: {found.lost_keys}\n")


def _counted(failed: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(failed.items())) or "none"
