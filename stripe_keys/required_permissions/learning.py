"""Learns what the names of one file stand for, by reading it until a reading teaches nothing new."""

import ast

from stripe_keys.required_permissions import places
from stripe_keys.required_permissions.names import Function, Names
from stripe_keys.required_permissions.places import CALLED, CLIENT, MODULE
from stripe_keys.required_permissions.scopes import NOWHERE, Places
from stripe_keys.required_permissions.texts import HOLE

_READINGS = 6
_PROPERTIES = {"property", "cached_property"}
_PASS_ON = {"closing", "nullcontext"}


def names_of(tree: ast.Module) -> Names:
    """The names of `tree`, learned."""
    names = Names()
    learning = _Learning(names)
    before: object = None
    for _ in range(_READINGS):
        for node in names.walk(tree):
            learning.hear(node)
        after = names.settle()
        if after == before:
            break
        before = after
    return names


class _Learning:
    """Hears what the statements of a file bind to names."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def hear(self, node: ast.AST) -> None:
        """Take in what one node binds."""
        match node:
            case ast.Import() | ast.ImportFrom():
                self._imports(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
                self._parameters(node)
            case ast.Lambda():
                self._parameters(node)
            case ast.ClassDef(name=name, bases=bases):
                is_client = any(places.annotated(base) for base in bases)
                self.names.scope.bind(name, frozenset({CALLED + CLIENT}) if is_client else NOWHERE)
            case ast.Return(value=value) | ast.Yield(value=value):
                self.names.scope.returned |= self.names.places(value)
            case ast.Global(names=listed) | ast.Nonlocal(names=listed):
                here = self.names.scope
                there = here.outermost() if isinstance(node, ast.Global) else here.outer or here
                here.elsewhere |= dict.fromkeys(listed, there)
            case _:
                self._assignment(node)

    def _assignment(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
            case ast.AnnAssign(target=target, annotation=annotation, value=given):
                found = self.names.places(given) or places.declared(annotation)
                self._bind(target, found, self.names.text(given))
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, self.names.places(value), self.names.text(value))
            case ast.AugAssign(target=target):
                self._bind(target, NOWHERE)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind(target, self._entered(value))
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._loop(node.target, node.iter)
            case ast.ExceptHandler(name=str(name)):
                self.names.scope.bind(name)

    def _imports(self, node: ast.Import | ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            if isinstance(node, ast.ImportFrom):
                found = places.imported(module, alias.name)
                if alias.name == "*" and module.split(".")[0] == MODULE:
                    self.names.star_imports.add(module)
            else:
                found = places.module(alias.name if alias.asname else name)
            self.names.about_stripe |= bool(found)
            self.names.scope.bind(name, found)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            several = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            fitting = len(several) == len(target.elts)
            for at, one in enumerate(target.elts):
                if fitting:
                    self._assign(one, several[at])
                else:
                    self._bind(one, NOWHERE)
        else:
            self._bind(target, self.names.places(value), self.names.text(value))

    def _bind(self, target: ast.expr, found: Places, text: str = HOLE) -> None:
        match target:
            case ast.Name(id=name):
                self.names.scope.bind(name, found, text)
                if self.names.scope.is_class:
                    self.names.attributes.bind(name, found, text)
            case ast.Attribute(attr=name):
                self.names.attributes.bind(name, found, text)
            case ast.Tuple(elts=several) | ast.List(elts=several):
                for one in several:
                    self._bind(one, NOWHERE)

    def _loop(self, target: ast.expr, over: ast.expr) -> None:
        several = over.elts if isinstance(over, ast.Tuple | ast.List) else []
        self._bind(target, NOWHERE.union(*(self.names.places(one) for one in several)))

    def _entered(self, value: ast.expr) -> Places:
        match value:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[one]) if name in _PASS_ON:
                return self.names.places(one)
        return self.names.places(value)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        here = self.names.scope
        answers = places.annotated(node.returns) | self.names.inside(node, here).returned
        calling = frozenset(CALLED + place for place in answers)
        here.bind(node.name, calling)
        if here.is_class:
            is_property = any(
                ast.unparse(one).rpartition(".")[2] in _PROPERTIES for one in node.decorator_list
            )
            self.names.attributes.bind(node.name, answers if is_property else calling)

    def _parameters(self, node: Function) -> None:
        inside = self.names.inside(node, self.names.scope)
        given = node.args
        for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            if parameter is not None:
                inside.bind(parameter.arg, places.declared(parameter.annotation))
