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
        f"{path}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in ground.modules()
        for function in ground.functions_of(path)
    }

    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    rooms = {path: {*path.parts[:-1], path.stem} for path in ground.modules()}

    silent = {str(path) for path, names in rooms.items() if names & NAMES_THAT_SAY_NOTHING}

    assert silent == NAMED_BY_DJANGO


def test_every_module_begins_with_its_promise() -> None:
    import ast

    silent = [
        str(path)
        for path in ground.modules()
        if ground.tree_of(path).body and not ast.get_docstring(ground.tree_of(path))
    ]

    assert silent == []
