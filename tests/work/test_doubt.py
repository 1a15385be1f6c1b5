"""Of many who would wait for the same thing in vain, one does."""

from work.doubt import Doubt


def test_everybody_tries_while_nothing_has_failed() -> None:
    doubt = Doubt(one_each=60, quiet=0)

    assert all(doubt.may_try() for _ in range(3))


def test_one_at_a_time_tries_what_has_failed() -> None:
    doubt = Doubt(one_each=60, quiet=0)
    doubt.arise()

    assert [doubt.may_try() for _ in range(3)] == [True, False, False]

    doubt.arise()  # the one who tried failed as well
    assert not doubt.may_try()


def test_another_one_tries_when_the_first_does_not_come_back() -> None:
    doubt = Doubt(one_each=0, quiet=0)
    doubt.arise()

    assert doubt.may_try()
    assert doubt.may_try()


def test_doubt_is_over_once_it_works() -> None:
    doubt = Doubt(one_each=60, quiet=0)
    doubt.arise()
    doubt.may_try()

    doubt.end()

    assert all(doubt.may_try() for _ in range(3))


def test_nobody_tries_right_after_a_failure() -> None:
    doubt = Doubt(one_each=60, quiet=60)

    doubt.arise()

    assert not doubt.may_try()
