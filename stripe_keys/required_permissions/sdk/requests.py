"""The request that one method of the SDK makes: its HTTP method and the template of its path."""

import ast
from collections.abc import Iterator

from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.sdk.source import UnreadableSource

_MAKES_A_REQUEST = {
    "_request",
    "_request_stream",
    "_request_and_refresh",
    "_static_request",
    "_static_request_stream",
    "request",
}
_QUOTES_AN_ID = {"sanitize_id", "quote_plus"}


def request_of(function: ast.FunctionDef, *, class_url: str = "", of_one: str = "") -> Request | None:
    """The request that `function` makes; None where it makes none of its own.

    `class_url` is the path that `cls.class_url()` answers in the function's class, `of_one` the path of one object.

    Raises:
        UnreadableSource: it makes a request whose path does not follow from the source.
    """
    paths = _Paths(function, class_url, of_one)
    for call in _calls(function):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name == "_search":
            return Request("GET", paths.of(_keyword(call, "search_url")))
        if name == "refresh":
            return Request("GET", of_one)
        if name in _MAKES_A_REQUEST and len(call.args) >= 2 and isinstance(call.args[0], ast.Constant):
            return Request(str(call.args[0].value).upper(), paths.of(call.args[1]))
    return None


class _Paths:
    """Reads the expressions by which the SDK's methods build their paths."""

    def __init__(self, function: ast.FunctionDef, class_url: str, of_one: str) -> None:
        self.where = f"{function.name}, line {function.lineno}"
        self.class_url = class_url
        self.of_one = of_one
        self.names = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def of(self, expression: ast.expr) -> str:
        """The path that `expression` builds, ids written as `{placeholders}`."""
        match expression:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name) if name in self.names:
                return self.of(self.names[name])
            case ast.BinOp(left=ast.Constant(value=str(form)), op=ast.Mod(), right=ast.Tuple(elts=parts)):
                return form % tuple(self.of(part) for part in parts)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(form)), attr="format")):
                return form
            case ast.Call(func=ast.Attribute(attr="class_url")) if self.class_url:
                return self.class_url
            case ast.Call(func=ast.Attribute(attr="instance_url" | "_build_instance_url")) if self.of_one:
                return self.of_one
            case ast.Call(func=ast.Name(id=quoting), args=[ast.Name(id=name)]) if quoting in _QUOTES_AN_ID:
                return f"{{{name}}}"
        raise UnreadableSource(f"{self.where}: {ast.unparse(expression)}")


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _keyword(call: ast.Call, name: str) -> ast.expr:
    return next(keyword.value for keyword in call.keywords if keyword.arg == name)
