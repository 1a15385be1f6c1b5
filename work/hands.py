"""Many lanes at once: each has turns in a thread of its own, and whoever gave them out looks for lanes that come later.

So one slow row holds up its own lane and no other, however the process came to know of them.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from django.db import connection

from work.ends import problem_of

logger = logging.getLogger(__name__)
LOOK_AGAIN_SECONDS = 0.5
# For the whole process: at work each needs a database connection.
_MORE_HANDS = threading.BoundedSemaphore(15)


def share_out(queue_name: str, waiting: Callable[[], Iterable[str]], turn: Callable[[str], int]) -> int:
    """Give each of the `waiting` lanes a turn, in as many threads as there are lanes and free hands; the sum of turns.

    While hands work, the lanes are looked at again, so that those that came later need not wait for the slowest. Where
    no hand is free this thread works itself.
    """
    lanes: SimpleQueue[str] = SimpleQueue()
    done: SimpleQueue[int] = SimpleQueue()
    hands: list[threading.Thread] = []
    _fill(lanes, waiting)
    while True:
        hands = [hand for hand in hands if hand.is_alive()]
        hands += _more_hands(queue_name, lanes, done, turn)
        if hands:
            hands[0].join(LOOK_AGAIN_SECONDS)
            if hands[0].is_alive() and lanes.empty():
                _fill(lanes, waiting)
        elif not _take_turn(lanes, done, turn):
            return sum(done.get() for _ in range(done.qsize()))


def _fill(lanes: "SimpleQueue[str]", waiting: Callable[[], Iterable[str]]) -> None:
    for lane in waiting():
        lanes.put(lane)


def _more_hands(
    queue_name: str, lanes: "SimpleQueue[str]", done: "SimpleQueue[int]", turn: Callable[[str], int]
) -> list[threading.Thread]:
    hands = []
    for _ in range(lanes.qsize()):
        if not _MORE_HANDS.acquire(blocking=False):
            break
        hands.append(threading.Thread(target=_lend_hand, args=[queue_name, lanes, done, turn], daemon=True))
        hands[-1].start()
    return hands


def _lend_hand(
    queue_name: str, lanes: "SimpleQueue[str]", done: "SimpleQueue[int]", turn: Callable[[str], int]
) -> None:
    try:
        while _take_turn(lanes, done, turn):
            pass
    except Exception as problem:  # the other hands do what is left
        logger.error("queue %s: a hand was lost (%s)", queue_name, problem_of(problem))  # noqa: TRY400 # no outside text
    finally:
        _MORE_HANDS.release()
        connection.close()  # to the pool, where there is one


def _take_turn(lanes: "SimpleQueue[str]", done: "SimpleQueue[int]", turn: Callable[[str], int]) -> bool:
    """One turn for the lane that is first; False if there is none."""
    try:
        lane = lanes.get_nowait()
    except Empty:
        return False
    done.put(turn(lane))
    return True
