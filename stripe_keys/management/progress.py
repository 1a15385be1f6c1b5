"""A progress bar for whoever sits at a terminal; nothing for a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_over(length: int) -> Iterator[Callable[[int], object]]:
    """A bar on the standard error stream while the block runs; call what it gives with the number of steps done."""
    with click.progressbar(
        length=length, file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()
    ) as bar:
        yield bar.update
