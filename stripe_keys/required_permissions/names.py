"""What names, attributes and expressions of one file stand for: a place in Stripe's SDK, or a text."""

import ast
from collections.abc import Iterator

from stripe_keys.required_permissions import places
from stripe_keys.required_permissions.places import CALLED, NOT_STRIPES, name_of
from stripe_keys.required_permissions.scopes import NOWHERE, Places, Scope
from stripe_keys.required_permissions.texts import HOLE, fold, hole_named

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_IMPORTERS = {"import_module", "__import__"}


class Names:
    """What the expressions of one file stand for, seen from where a walk through it stands."""

    def __init__(self) -> None:
        self.module = Scope()
        # Attributes are known by their names alone, whatever object they are of.
        self.attributes = Scope()
        self.about_stripe = False
        self.star_imports: set[str] = set()
        self.scope = self.module
        self._scopes: dict[ast.AST, Scope] = {}

    def walk(self, tree: ast.Module) -> Iterator[ast.AST]:
        """Every node of a file, outer ones first; while the caller looks at one, names are seen from its place."""
        waiting: list[tuple[ast.AST, Scope]] = [(tree, self.module)]
        while waiting:
            node, here = waiting.pop()
            self.scope = here
            yield node
            inside = self.inside(node, here) if isinstance(node, Function | ast.ClassDef) else here
            waiting.extend((child, inside) for child in reversed(list(ast.iter_child_nodes(node))))

    def inside(self, node: Function | ast.ClassDef, here: Scope) -> Scope:
        """The names inside a function or class that stands `here`."""
        if node not in self._scopes:
            self._scopes[node] = Scope(here, is_class=isinstance(node, ast.ClassDef))
        return self._scopes[node]

    def settle(self) -> object:
        """End one reading; equal to the answer of the reading before if nothing new was learned."""
        scopes = [self.module, self.attributes, *self._scopes.values()]
        for scope in scopes:
            scope.settle()
        return [scope.state() for scope in scopes]

    def text(self, expression: ast.expr | None) -> str:
        """The text that `expression` builds, seen from here; see `texts`. What is nested too deeply is a hole."""
        try:
            return fold(expression, self._text_of)
        except RecursionError:
            return HOLE

    def places(self, expression: ast.expr | None) -> Places:
        """The places in Stripe's SDK that `expression` may stand for, seen from here; see `places`.

        What is nested too deeply stands for nothing.
        """
        try:
            return self._places(expression)
        except RecursionError:
            return NOWHERE

    def _places(self, expression: ast.expr | None) -> Places:
        match expression:
            case ast.Name(id=name):
                return self._of_name(name)
            case ast.Attribute(value=value, attr=name):
                return self._of_attribute(value, name)
            case ast.Call():
                return self._of_call(expression)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self._places(value)
            case ast.IfExp(body=one, orelse=other):
                return self._places(one) | self._places(other)
            case ast.BoolOp(values=values):
                return NOWHERE.union(*map(self.places, values))
            case ast.Lambda(body=body):
                return frozenset(CALLED + place for place in self._places(body))
        return NOWHERE

    def _of_name(self, name: str) -> Places:
        known = self.scope.places_of(name)
        if known is None and self.star_imports:
            known = NOWHERE.union(*(places.imported(module, name) for module in self.star_imports)) or None
        return known or places.guessed(name, about_stripe=self.about_stripe)

    def _of_attribute(self, value: ast.expr, name: str) -> Places:
        of = self._places(value) - NOT_STRIPES
        if of:
            return places.below(of, name)
        known = self.attributes.places_of(name)
        if known:
            return known
        if name in ("v1", "v2"):
            return frozenset({f"{places.LIKELY}{places.CLIENT}.{name}"})
        return places.guessed(name, about_stripe=self.about_stripe)

    def _of_call(self, call: ast.Call) -> Places:
        name = name_of(call.func)
        if name == "getattr" and len(call.args) >= 2:
            return self._of_attribute(call.args[0], self.text(call.args[1]))
        if name in _IMPORTERS and call.args:
            return frozenset({places.MODULE}) if self.text(call.args[0]) == places.MODULE else NOWHERE
        if name == "cast" and len(call.args) == 2:
            return places.annotated(call.args[0])
        function = self._places(call.func)
        answered = places.called(function)
        if answered:
            return answered
        if places.constructed(name):
            return NOT_STRIPES
        return NOWHERE if function else places.guessed(name, about_stripe=self.about_stripe)

    def _text_of(self, expression: ast.Name | ast.Attribute) -> str:
        if isinstance(expression, ast.Name):
            return self.scope.text_of(expression.id)
        told = self.attributes.text_of(expression.attr)
        return hole_named(name_of(expression.value)) if told == HOLE else told
