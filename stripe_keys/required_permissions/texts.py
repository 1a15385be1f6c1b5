"""What a piece of code that builds a text builds: its constant parts, with holes for what is only known at run time."""

import ast
import re
from collections.abc import Callable, Iterable

HOLE = "\0"
STRIPES_HOLE = "\1"
"""A hole for something that is named after Stripe: `settings.STRIPE_API_BASE`, `stripe_url`."""
_LONGEST = 2000
_PERCENT = re.compile(r"%(?:\(\w*\))?[-+ #0-9.]*[sdr]")
_BRACES = re.compile(r"\{[^{}]*\}")
_CHANGE_NOTHING = {"str", "quote", "quote_plus", "force_str", "sanitize_id"}
_JOINS_ADDRESSES = "urljoin"

Lookup = Callable[[ast.Name | ast.Attribute], str]


def fold(expression: ast.expr | None, lookup: Lookup) -> str:
    """The text that `expression` builds; `lookup` knows what names and attributes stand for.

    Never longer than a few thousand characters: what grows beyond is a hole.
    """
    told = _fold(expression, lookup)
    return told if len(told) <= _LONGEST else HOLE


def hole_named(name: str) -> str:
    """The hole that something called `name` leaves."""
    return STRIPES_HOLE if "stripe" in name.lower() else HOLE


def has_hole(text: str) -> bool:
    """Whether a part of `text` is only known at run time."""
    return HOLE in text or STRIPES_HOLE in text


def _fold(expression: ast.expr | None, lookup: Lookup) -> str:
    match expression:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.Name() | ast.Attribute():
            return lookup(expression)
        case ast.JoinedStr(values=parts):
            return "".join(fold(part, lookup) for part in parts)
        case ast.FormattedValue(value=part, format_spec=None) | ast.NamedExpr(value=part):
            return fold(part, lookup)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return fold(left, lookup) + fold(right, lookup)
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            values = right.elts if isinstance(right, ast.Tuple) else [right]
            return _fill(_PERCENT, fold(left, lookup), [fold(value, lookup) for value in values])
        case ast.Call():
            return _call(expression, lookup)
    return HOLE


def _constant(value: object) -> str:
    if isinstance(value, str):
        return HOLE if has_hole(value) else value
    return (
        str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else HOLE
    )


def _call(call: ast.Call, lookup: Lookup) -> str:
    match call:
        case ast.Call(func=ast.Attribute(value=told_by, attr=name), args=arguments):
            return _method(name, fold(told_by, lookup), arguments, lookup)
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _CHANGE_NOTHING:
            return fold(first, lookup)
        case ast.Call(func=ast.Name(id=name), args=[base, path]) if name == _JOINS_ADDRESSES:
            return _join(fold(base, lookup), fold(path, lookup))
    return HOLE


def _method(name: str, text: str, arguments: list[ast.expr], lookup: Lookup) -> str:
    """What a method of `text` tells: format, join and strip, `urllib.parse.urljoin` by its module too."""
    if name == "format":
        automatic = not re.search(r"\{[^{}:!]", text)
        return _fill(_BRACES, text, [fold(one, lookup) for one in arguments] if automatic else [])
    if name == "join" and len(arguments) == 1 and isinstance(arguments[0], ast.List | ast.Tuple):
        return text.join(fold(one, lookup) for one in arguments[0].elts)
    if name in ("strip", "rstrip", "lstrip", "lower"):
        return text.rstrip("/") if name == "rstrip" and arguments else text
    if name in _CHANGE_NOTHING and arguments:
        return fold(arguments[0], lookup)
    if name == _JOINS_ADDRESSES and len(arguments) == 2:
        return _join(fold(arguments[0], lookup), fold(arguments[1], lookup))
    return HOLE


def _fill(places: re.Pattern[str], form: str, values: Iterable[str]) -> str:
    """`form` with its places filled in turn; holes where the values run out."""
    remaining = iter(values)
    return places.sub(lambda _: next(remaining, HOLE), form)


def _join(base: str, path: str) -> str:
    """What `urljoin` makes of a base and a path that begins with a slash; a hole where it is not that simple."""
    host = re.match(r"https?://[^/\0\1]+|[\0\1]", base)
    return host.group() + path if host and path.startswith("/") else HOLE
