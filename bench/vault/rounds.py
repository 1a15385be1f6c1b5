"""Contenders side by side: the same samples for each, in rounds, in an order that changes; CPU time, never the clock's.

The machine may be busy: what counts are ratios within one round, and their median over the rounds.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import starmap
from statistics import median, quantiles
from typing import Any

from bench.vault.contenders import VAULT, Contender, Sample, contenders, samples, some_tenants, some_texts

TENANTS = 500  # fewer than the vault remembers unwrapped, as on a busy process


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as much CPU one contender takes as another, over the rounds."""

    middle: float
    low: float
    high: float


@dataclass(slots=True)
class Timings:
    """Microseconds of CPU per operation, by round."""

    encrypt: dict[str, list[float]] = field(default_factory=dict)
    decrypt: dict[str, list[float]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


def measure(*, rounds: int, operations: int) -> Timings:
    """Let every contender encrypt and decrypt `operations` keys in each of `rounds` rounds."""
    everybody, tenants = contenders(), some_tenants(TENANTS)
    texts = some_texts(operations)
    timings = Timings(words={each.name: each.words for each in everybody})
    _one_round(everybody, samples(tenants, texts), Timings())  # whatever is only done once
    gc.freeze()
    for number in range(rounds):
        found = samples(tenants, texts)
        turn = number % len(everybody)
        order = everybody[turn:] + everybody[:turn]
        _one_round(order[:: -1 if number % 2 else 1], found, timings)
    return timings


def ratio(times: dict[str, list[float]], other: str, *, of: str = VAULT) -> Ratio:
    """How `of` compares with `other`: the median, and the quartiles around it."""
    found = [ours / theirs for ours, theirs in zip(times[of], times[other], strict=True)]
    low, _, high = quantiles(found, n=4) if len(found) > 1 else (found * 3)
    return Ratio(median(found), low, high)


def _one_round(everybody: list[Contender], found: list[Sample], timings: Timings) -> None:
    for each in everybody:
        spent, stored = cpu_microseconds(each.encrypt, [each.taken(sample) for sample in found])
        timings.encrypt.setdefault(each.name, []).append(spent)
        given = [each.given_back(*pair) for pair in zip(found, stored, strict=True)]
        spent, opened = cpu_microseconds(each.decrypt, given)
        timings.decrypt.setdefault(each.name, []).append(spent)
        if not all(_same(sample, text) for sample, text in zip(found, opened, strict=True)):
            raise AssertionError(f"{each.name} did not give back what it was given.")


def _same(sample: Sample, opened: object) -> bool:
    return opened in (sample.text, sample.secret)


def cpu_microseconds(
    operation: Callable[..., Any], arguments: list[tuple[Any, ...]]
) -> tuple[float, list[Any]]:
    """CPU time of one operation, in microseconds, and what each of them returned."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        results = list(starmap(operation, arguments))
        spent = time.process_time() - began
    finally:
        gc.enable()
    return spent / len(arguments) * 1e6, results
