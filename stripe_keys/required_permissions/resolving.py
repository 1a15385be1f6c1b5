"""Which calls of Stripe's API a file makes: each with its line and its request, or why that cannot be told.

Only the syntax is read, nothing runs. What objects that Stripe answered do themselves (`customer.delete()`) is out of
reach: nothing in a file says what such an object is.
"""

import ast
from dataclasses import dataclass

from stripe_keys.required_permissions.calls import Request, requests
from stripe_keys.required_permissions.learning import names_of
from stripe_keys.required_permissions.names import Names
from stripe_keys.required_permissions.places import CLIENT, MODULE, NOT_STRIPES, certain, holds_calls
from stripe_keys.required_permissions.raw import raw_request_of
from stripe_keys.required_permissions.scopes import Places
from stripe_keys.required_permissions.texts import has_hole

_NOT_OFFERED = "Stripe's SDK offers no such call: {}"
_DYNAMIC = "which call of {} this is, is only known at run time"
_OF_EVERY_CLASS = {"construct_from", "class_url"}


@dataclass(frozen=True, order=True)
class Call:
    """One place in a file that calls Stripe, under the SDK's name for it; `why` it has no request, if it has none."""

    line: int
    name: str
    request: Request | None = None
    why: str = ""


def calls_in(tree: ast.Module) -> list[Call]:
    """Every call of Stripe's API in one file, in the order of its lines.

    Raises:
        RecursionError: something that matters is nested too deeply.
    """
    names = names_of(tree)
    finding = _Finding(names)
    for node in names.walk(tree):
        finding.look_at(node)
    return sorted(set(finding.found), key=lambda call: (call.line, call.name, call.why))


class _Finding:
    """Looks at the nodes of a file whose names are known, and notes the calls."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.found: list[Call] = []
        self.told: set[ast.expr] = set()

    def look_at(self, node: ast.AST) -> None:
        """Note what `node` calls. A method that is only named is used too: it is handed on to be called."""
        if isinstance(node, ast.Call):
            self._look_at_call(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node not in self.told:
            places = self.names.places(node)
            self._note(node, places)
            if not places - NOT_STRIPES:
                self._note_what_no_client_has(node)

    def _look_at_call(self, node: ast.Call) -> None:
        places = self.names.places(node.func)
        raw = raw_request_of(node, places, self.names)
        if raw is not None:
            self.found.append(Call(node.lineno, raw.name, raw.request, raw.why))
        elif isinstance(node.func, ast.Attribute):
            self.told.add(node.func)
            self._note(node, _as_called(node, places))
            if not places - NOT_STRIPES:
                self._note_what_no_class_offers(node.func)
                self._note_what_no_client_has(node.func)
        elif isinstance(node.func, ast.Name) and node.func.id == "getattr":
            self._note_getattr(node)

    def _note(self, node: ast.expr, places: Places) -> None:
        for place in places:
            request = requests().get(certain(place))
            if request is not None:
                self.found.append(Call(node.lineno, certain(place).removesuffix("()"), request))

    def _note_what_no_class_offers(self, method: ast.Attribute) -> None:
        if method.attr in _OF_EVERY_CLASS or method.attr.startswith("_"):
            return
        for place in self.names.places(method.value):
            if holds_calls(place) and not place.startswith(CLIENT):
                self._unresolved(method, _NOT_OFFERED.format(f"{place}.{method.attr}"), place)

    def _note_what_no_client_has(self, node: ast.Attribute) -> None:
        if node.attr.startswith("_"):
            return
        for place in self.names.places(node.value):
            if place.split(".")[0] == CLIENT and place not in requests():
                self._unresolved(node, _NOT_OFFERED.format(f"{place}.{node.attr}"), place)

    def _note_getattr(self, node: ast.Call) -> None:
        """`getattr(client.v1, name)`: known if the name is, and said to be unknown if not."""
        self._note(node, self.names.places(node))
        if len(node.args) >= 2 and has_hole(self.names.text(node.args[1])):
            for place in self.names.places(node.args[0]):
                if place.split(".")[0] in (CLIENT, MODULE) and place not in requests():
                    self._unresolved(node, _DYNAMIC.format(place), place)

    def _unresolved(self, node: ast.expr, why: str, place: str) -> None:
        self.found.append(Call(node.lineno, place, why=why))


def _as_called(node: ast.Call, places: Places) -> Places:
    """`stripe.Account.retrieve` without an id asks for the key's own account: a request of its own."""
    named = {keyword.arg for keyword in node.keywords}
    first = node.args[0] if node.args else None
    no_id = first is None or (isinstance(first, ast.Constant) and first.value is None)
    if not no_id or "id" in named:
        return places
    own = {place + "()" for place in places if certain(place) + "()" in requests()}
    kept = places if None in named else {place for place in places if place + "()" not in own}
    return frozenset(own | kept)
