"""The app's own budget: what one account floods us with does not hold up the others."""

import pytest

from stripe_keys.app_pace import AppPace, NotNow

LIVE, TEST = 80.0, 20.0  # the default rates, as far as checks may use them


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Lane:
    """Events of one account that are due, or come back when they were told to; the first of them asks for all."""

    def __init__(self, name: str, pace: AppPace, clock: Clock) -> None:
        self.name, self.pace, self.clock = name, pace, clock
        self.due_at: list[float] = []
        self.done = 0

    def work(self) -> None:
        """What a worker does: take as many as may be, or put off whatever is due."""
        now = self.clock.now
        due = sorted(moment for moment in self.due_at if moment <= now)
        if not due:
            return
        later = [moment for moment in self.due_at if moment > now]
        try:
            taken = self.pace.take(min(len(due), 100), self.name)
        except NotNow as not_now:
            first, spacing = now + not_now.delay.total_seconds(), self.pace.spacing.total_seconds()
            self.pace.line_up(len(due) - 1, self.name)
            self.due_at = later + [first + place * spacing for place in range(len(due))]
            return
        self.done += taken
        self.due_at = later + due[taken:]


@pytest.mark.parametrize("rate", [LIVE, TEST, 4.0, 1.0])
def test_first_event_of_a_quiet_account_is_asked_about_while_another_floods(rate: float) -> None:
    clock = Clock()
    pace = AppPace(rate, clock)
    flood = Lane("flood", pace, clock)
    waits: list[float] = []
    quiet: dict[Lane, float] = {}
    for step in range(3000):  # 30 seconds
        clock.now += 0.01
        flood.due_at += [clock.now] * 2
        if step % 100 == 50:  # a new account every second
            newcomer = Lane(f"quiet {step}", pace, clock)
            newcomer.due_at = [clock.now]
            quiet[newcomer] = clock.now
        flood.work()
        for lane, since in list(quiet.items()):
            lane.work()
            if lane.done:
                waits.append(clock.now - since)
                del quiet[lane]

    if rate in (LIVE, TEST):
        assert len(waits) == 30
        assert max(waits) < 1.0
    assert flood.done > 0.6 * (rate * 0.75 * 30 - len(waits)), "the flood is still worked on"


def test_lanes_that_wait_come_back_further_apart_the_more_they_are() -> None:
    clock = Clock()
    clock = Clock()
    pace = AppPace(TEST, clock)
    pace.take(100, "first")
    alone = pace.spacing
    for name in ("one", "two"):
        with pytest.raises(NotNow):
            pace.take(100, name)
        pace.line_up(10, name)

    assert pace.spacing > 1.9 * alone
    clock.now += 60
    assert pace.spacing == alone


def test_newcomers_that_find_nothing_left_come_back_one_after_the_other() -> None:
    clock = Clock()
    clock = Clock()
    pace = AppPace(TEST, clock)
    pace.take(100, "first")
    delays = []
    for number in range(10):
        with pytest.raises(NotNow) as refusal:
            pace.take(1, f"newcomer {number}")
        delays.append(refusal.value.delay.total_seconds())

    assert delays[-1] > 10 / (TEST * 0.75)
    assert delays[-1] < 10 / (TEST * 0.75) + 0.2


def test_line_that_was_counted_over_and_over_is_forgotten_within_a_minute() -> None:
    clock = Clock()
    pace = AppPace(TEST, clock)
    for _ in range(50):  # rows that are put off again are told to line up again
        pace.line_up(500, "flood")

    clock.now += 61
    taken = pace.take(100, "flood")

    assert taken == int(pace.at_once), "as one whom nobody told to wait"


def test_many_refusals_of_one_moment_are_one_reason_to_pause() -> None:
    clock = Clock()
    pace = AppPace(TEST, clock)
    for _ in range(7):  # requests that were under way together
        pace.note(throttled=True)

    clock.now += 1.1
    assert pace.take(1, "any") == 1

    pace.note(throttled=True)
    clock.now += 1.1
    with pytest.raises(NotNow, match="Throttled"):
        pace.take(1, "any")


def test_pauses_grow_from_the_shortest_again_after_a_good_answer() -> None:
    clock = Clock()
    pace = AppPace(TEST, clock)
    for _ in range(3):
        pace.note(throttled=True)
        clock.now += 60

    pace.note(throttled=False)
    pace.note(throttled=True)

    clock.now += 1.1
    assert pace.take(1, "any") == 1


def test_good_answer_to_what_was_under_way_shortens_no_pause() -> None:
    clock = Clock()
    pace = AppPace(TEST, clock)
    pace.note(throttled=True)

    pace.note(throttled=False)  # was asked before, and came during the pause
    clock.now += 1.1
    pace.note(throttled=True)

    clock.now += 1.1
    with pytest.raises(NotNow, match="Throttled"):
        pace.take(1, "any")
