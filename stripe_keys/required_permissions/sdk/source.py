"""The SDK's files, and in them its classes and the methods that can be called on them."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class UnreadableSource(Exception):
    """The SDK's source is not written as we expect; the message names the place or quotes it."""


def folder() -> Path:
    """Where the installed SDK's source is; finding it does not import it."""
    found = find_spec("stripe")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("Stripe's SDK is not installed.")
    return Path(found.origin).parent


@cache
def tree_of(module: str) -> ast.Module:
    """The syntax tree of the SDK's module `stripe.…`."""
    path = folder().joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_bytes())


def table_in(module: str, name: str) -> dict[str, Any]:
    """The dictionary of plain values called `name` in `module`; empty where there is none."""
    for node in tree_of(module).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == name
        ):
            return dict(ast.literal_eval(node.value))
    return {}


def class_in(module: str, name: str) -> ast.ClassDef | None:
    """The class `name` of `module`; None where the module holds no such class."""
    return next((node for node in classes(tree_of(module)) if node.name == name), None)


def the_class_in(module: str, name: str) -> ast.ClassDef:
    """The class `name` of `module`.

    Raises:
        UnreadableSource: `module` holds no such class.
    """
    found = class_in(module, name)
    if found is None:
        raise UnreadableSource(f"{module} has no class {name}.")
    return found


def text_of(statement: ast.AST) -> str:
    """The plain text that a statement returns or assigns.

    Raises:
        UnreadableSource: it is no plain text.
    """
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Constant):
        raise UnreadableSource(ast.unparse(statement))
    return str(value.value)


def classes(parent: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef]:
    """The classes directly inside `parent`."""
    return (node for node in parent.body if isinstance(node, ast.ClassDef))


def methods(cls: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """The class's own methods by name, without overloads and `async` twins."""
    return {
        node.name: node
        for node in cls.body
        if isinstance(node, ast.FunctionDef) and "overload" not in decorators(node)
    }


def decorators(function: ast.FunctionDef) -> dict[str, tuple[str, ...]]:
    """The names of a method's decorators, each with its plain arguments."""
    return {
        ast.unparse(one.func if isinstance(one, ast.Call) else one): tuple(
            str(argument.value)
            for argument in (one.args if isinstance(one, ast.Call) else [])
            if isinstance(argument, ast.Constant)
        )
        for one in function.decorator_list
    }


def bases(cls: ast.ClassDef) -> set[str]:
    """The names of the classes that `cls` is made from, without their parameters."""
    return {ast.unparse(base.value if isinstance(base, ast.Subscript) else base) for base in cls.bases}
