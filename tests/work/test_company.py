"""Being alone in a process: who waits for whom, for how long, and who is let in meanwhile."""

import threading
import time
from datetime import timedelta

import pytest

from tests.waiting import eventually
from tests.work.crowd import in_thread
from work.activity import activity
from work.company import Chance, Company

LEASE = timedelta(seconds=30)


def test_whoever_is_alone_is_not_joined_before_the_end() -> None:
    company, order = Company(), list[str]()
    with company.alone(LEASE) as alone:
        assert alone
        other = in_thread(company, order)
        other.join(0.05)
        order.append("alone")
    other.join(10)

    assert order == ["alone", "beside others"]


def test_whoever_wants_to_be_alone_waits_for_those_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 60.0)
    company, order = Company(), list[str]()
    begun = threading.Event()

    def work() -> None:
        with company.beside_others(LEASE):
            begun.set()
            eventually(lambda: company._loner)  # somebody wants to be alone
            order.append("beside others")

    other = threading.Thread(target=work)
    other.start()
    assert begun.wait(10)
    with company.alone(LEASE) as alone:
        assert alone
        order.append("alone")
    other.join(10)

    assert order == ["beside others", "alone"]


def test_process_that_does_not_fall_quiet_rests_and_lets_others_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 0.02)
    monkeypatch.setattr("work.company._REST_PER_CLOSED", 1e6)
    company = Company()
    with company.beside_others(LEASE):
        with company.alone(LEASE) as alone:
            assert not alone
        with company.beside_others(LEASE):
            pass
    with company.alone(LEASE) as alone:
        assert not alone  # it rests


def test_row_that_may_share_an_end_is_not_waited_for() -> None:
    company = Company()

    with company.beside_others(LEASE, may_share_an_end=True), company.alone(LEASE) as chance:
        assert chance is Chance.BESIDE_OTHERS
    with company.alone(LEASE) as chance:
        assert chance is Chance.ALONE


def test_whoever_waited_in_vain_for_minutes_tries_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 0.02)
    monkeypatch.setattr("work.company.TRIED_ANYWAY_AFTER", 0.4)
    monkeypatch.setattr("work.company._REST_PER_CLOSED", 0)
    company, chances = Company(), list[Chance]()
    began = time.monotonic()

    with company.beside_others(LEASE):
        while Chance.BESIDE_OTHERS not in chances and len(chances) < 20:
            with company.alone(LEASE) as chance, company.beside_others(LEASE):
                chances.append(chance)

    assert chances[-1] is Chance.BESIDE_OTHERS
    assert time.monotonic() - began >= 0.4


def test_patience_outlasts_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 0.03)
    monkeypatch.setattr("work.company._REST_PER_CLOSED", 0)
    company = Company()
    with company.beside_others(LEASE):
        for _ in range(4):
            with company.alone(LEASE) as chance:
                assert not chance
    with company.alone(LEASE) as chance:
        assert chance

    began = time.monotonic()
    with company.beside_others(LEASE), company.alone(LEASE) as chance:
        assert not chance
    assert time.monotonic() - began > 0.15


def test_others_are_kept_out_for_a_fifth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 0.05)
    monkeypatch.setattr("work.company.LONGEST_ALONE", 60.0)
    company = Company()
    with company.alone(LEASE):
        began = time.monotonic()
        other = in_thread(company, [])
        eventually(lambda: company._keeps_out)
        other.join(0.1)
        ended = time.monotonic()
    other.join(10)

    def is_alone() -> bool:
        with company.alone(LEASE) as chance:
            return bool(chance)

    eventually(is_alone)
    assert time.monotonic() - ended >= 4 * (ended - began)


def test_nobody_begins_anything_while_the_process_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "closing", threading.Event())
    monkeypatch.setattr("work.company.LONGEST_ALONE", 60.0)
    company, heard = Company(), list[bool]()

    def work() -> None:
        with company.beside_others(LEASE) as welcome:
            heard.append(welcome)

    with company.alone(LEASE):
        waiting = threading.Thread(target=work)
        waiting.start()
        eventually(lambda: company._keeps_out)
        activity.closing.set()
        waiting.join(20)
        assert heard == [False]


def test_nobody_waits_to_be_alone_while_the_process_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "closing", threading.Event())
    monkeypatch.setattr("work.company._FIRST_PATIENCE", 60)
    company, heard = Company(), list[Chance]()

    def want_to_be_alone() -> None:
        with company.alone(LEASE) as chance:
            heard.append(chance)

    with company.beside_others(LEASE):
        waiting = threading.Thread(target=want_to_be_alone)
        waiting.start()
        eventually(lambda: company._loner)
        activity.closing.set()
        waiting.join(20)
        assert heard == [Chance.NONE]


def test_nobody_waits_for_work_that_has_outlived_its_lease() -> None:
    company = Company()

    with company.beside_others(timedelta(0)), company.alone(LEASE) as alone:
        assert alone


def test_only_one_is_alone() -> None:
    company = Company()

    with company.alone(LEASE) as first, company.alone(LEASE) as second:
        assert first
        assert not second
    with company.alone(LEASE) as third:
        assert third


def test_long_suspect_does_not_keep_others_out_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("work.company.LONGEST_ALONE", 0.05)
    company, order = Company(), list[str]()

    with company.alone(LEASE):
        other = in_thread(company, order)
        eventually(lambda: order == ["beside others"])
    other.join(10)
