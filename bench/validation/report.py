"""Every measurement in turn, as text; the last line has the figures that count."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from django.core.management import call_command

from bench.validation import seeding, sweeps, throughput
from bench.validation.fairness import ROUND_TRIP_MILLISECONDS, WARMING_PASTES, Stage, Waits
from bench.validation.processes import StandIns
from bench.validation.recording import record
from bench.validation.sizes import Sizes
from bench.vault import machine
from stripe_keys import catalogue


@dataclass(frozen=True, slots=True)
class Speed:
    """Keys per second, and ours as a multiple of each rival's."""

    keys_per_second: float
    vs_shared: float
    vs_naive: float


def run(sizes: Sizes, folder: Path) -> int:
    """Measure and print; a check that does not end as it must raises StackError."""
    print(machine.described())
    call_command("migrate", interactive=False, verbosity=0)
    recording = folder / "recording.json"
    recording.write_text(
        record([(probe.method, probe.path) for probe in catalogue.PROBES.values()], folder).as_json()
    )
    stand_ins = StandIns(recording)
    speed = _speed(sizes, stand_ins)
    with Stage.built(sizes, stand_ins, folder) as stage:
        round_trips = _round_trips(sizes, stage)
        unfair = _unfairness(sizes, stage)
        _pastes_first(sizes, stage)
    ratio = _sweeps(sizes)
    print(
        f"validation: keys_per_s={speed.keys_per_second:.0f} vs_sdk_shared_client={speed.vs_shared:.2f}"
        f" vs_naive_sdk={speed.vs_naive:.1f} paste_to_verdict_round_trips={round_trips:.2f}"
        f" fair_p99_ratio={unfair:.2f} sweep_1m_vs_20k={ratio:.2f}"
    )
    return 0


def _speed(sizes: Sizes, stand_ins: StandIns) -> Speed:
    shops = seeding.open_shops(sizes.keys)
    with stand_ins.answering_after(0) as stripe:
        near = throughput.side_by_side(throughput.near(stripe), shops, rounds=sizes.rounds)
    _print_rates(f"Keys per second, Stripe answering at once, median of {sizes.rounds} rounds", near)
    with stand_ins.answering_after(ROUND_TRIP_MILLISECONDS) as stripe:
        far = throughput.side_by_side(
            throughput.far(stripe), shops[: sizes.naive_keys], rounds=sizes.rounds, warming=0
        )
    _print_rates(f"Keys per second, Stripe answering after {ROUND_TRIP_MILLISECONDS:.0f} ms", far)
    return Speed(
        keys_per_second=near.of(throughput.OURS),
        vs_shared=min(near.ratio(name) for name in near.names if name != throughput.OURS),
        vs_naive=far.ratio(throughput.NAIVE),
    )


def _print_rates(words: str, rates: throughput.Rates) -> None:
    print(f"\n{words}:\n")
    for name in rates.names:
        multiple = "" if name == throughput.OURS else f"  ours is {rates.ratio(name):.2f} times"
        print(f"{name:52}{rates.of(name):8.1f}{multiple}")


def _round_trips(sizes: Sizes, stage: Stage) -> float:
    shops = seeding.open_empty_shops(sizes.pastes + WARMING_PASTES)
    seconds = stage.pastes(shops, beside=[])
    found = [one * 1000 / ROUND_TRIP_MILLISECONDS for one in seconds]
    print(
        f"\nFrom a paste to its verdict, {ROUND_TRIP_MILLISECONDS:.0f} ms per round trip, {len(found)} pastes: median"
        f" {median(found):.2f} round trips, at most {max(found):.2f}"
    )
    return median(found)


def _unfairness(sizes: Sizes, stage: Stage) -> float:
    shops = seeding.open_shops(sizes.merchants)
    busy, slow = seeding.open_shops(1), seeding.open_shops(sizes.slow_merchants, are_slow=True)
    scenes: dict[str, Callable[[], object]] = {
        "alone": lambda: None,
        f"beside {sizes.queued_rows} checks of one merchant": partial(
            seeding.make_due, busy, each=sizes.queued_rows
        ),
        f"beside {sizes.slow_merchants} merchants answered after {sizes.slow_seconds:.0f} s": partial(
            seeding.make_due, slow
        ),
    }
    worst = 0.0
    for within in sizes.within_seconds:
        print(f"\nSeconds from due to verdict, {sizes.merchants} merchants due within {within:.0f} s:\n")
        found = {words: stage.waits(shops, within=within, beside=scene) for words, scene in scenes.items()}
        worst = max([worst, *(waits.p99 / found["alone"].p99 for waits in found.values())])
        _print_waits(found)
    return worst


def _print_waits(found: dict[str, Waits]) -> None:
    for words, waits in found.items():
        print(
            f"{words:52}median {waits.middle:6.2f}  p99 {waits.p99:6.2f}  {waits.p99 / found['alone'].p99:.2f} times"
        )


def _pastes_first(sizes: Sizes, stage: Stage) -> None:
    waiting, pasted = (
        seeding.open_shops(sizes.regular_checks),
        seeding.open_empty_shops(sizes.pastes // 2 + WARMING_PASTES),
    )
    seconds = stage.pastes(pasted, beside=waiting)
    print(
        f"\nSeconds from a paste to its verdict while {sizes.regular_checks} regular checks wait: median"
        f" {median(seconds):.2f}, at most {max(seconds):.2f}"
    )


def _sweeps(sizes: Sizes) -> float:
    small, large = sweeps.measure(
        few=sizes.few_keys, many=sizes.many_keys, due=sizes.due_keys, rounds=sizes.rounds
    )
    print(f"\nPlanning {sizes.due_keys} due keys, median of {sizes.rounds}:\n")
    for one in (small, large):
        print(
            f"  among {one.keys:9}: {one.seconds * 1000:7.0f} ms, {one.python_kilobytes:.0f} kB in Python,"
            f" {one.database_kilobytes:.0f} kB more in the database's process"
        )
    return large.seconds / small.seconds
