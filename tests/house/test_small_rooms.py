"""Rooms are small and named after what is in them."""

from tests.house import ground

MODULE_LINES = 300
FUNCTION_LINES = 40
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}
NAMED_BY_DJANGO = {"partner_site/database/base.py"}  # it looks for a database engine under this name


def test_there_is_something_to_measure() -> None:
    assert len(ground.modules()) > 50


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {path: len((ground.PROJECT / path).read_text().splitlines()) for path in ground.modules()}

    assert {str(path): length for path, length in lengths.items() if length > MODULE_LINES} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    lengths = {
        f"{path}:{name}": length
        for path, (_, functions) in ground.outlines().items()
        for name, length in functions.items()
    }

    assert len(lengths) > len(ground.modules())
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    rooms = {path: {*path.parts[:-1], path.stem} for path in ground.modules()}

    silent = {str(path) for path, names in rooms.items() if names & NAMES_THAT_SAY_NOTHING}

    assert silent == NAMED_BY_DJANGO


def test_every_module_begins_with_its_promise() -> None:
    assert [str(path) for path, (has_promise, _) in ground.outlines().items() if not has_promise] == []
