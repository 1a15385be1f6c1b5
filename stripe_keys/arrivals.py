"""Things that arrive one after the other, and word of it when nothing does."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def with_pauses(answers: Iterator[T], seconds: float) -> Iterator[T | None]:
    """What `answers` yields, and None whenever nothing came for `seconds`: somebody waits, and some may be slow.

    Only where somebody looks, as it takes a thread.
    """
    arrived: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def listen() -> None:
        try:
            for answer in answers:
                arrived.put((answer, None))
            arrived.put((None, None))
        except BaseException as problem:  # it is raised where the answers are awaited
            arrived.put((None, problem))

    Thread(target=listen, name="listens", daemon=True).start()
    while True:
        try:
            answer, problem = arrived.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if problem is not None:
            raise problem
        if answer is None:
            return
        yield answer
