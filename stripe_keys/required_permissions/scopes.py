"""What the names of one file stand for: a place in Stripe's SDK, or a text. Learned by reading the file a few times."""

from collections import defaultdict

from stripe_keys.required_permissions.texts import HOLE, has_hole, hole_named

Places = frozenset[str]
NOWHERE: Places = frozenset()


class Scope:
    """The names of a module, a class or a function: which places of the SDK, and which text, they may stand for."""

    def __init__(self, outer: "Scope | None" = None, *, is_class: bool = False) -> None:
        self.outer = outer
        self.is_class = is_class
        self.elsewhere: dict[str, Scope] = {}
        self.bound: set[str] = set()
        self.returned: set[str] = set()
        self._places: dict[str, set[str]] = defaultdict(set)
        self._texts: dict[str, str] = {}
        self._heard: dict[str, set[str]] = defaultdict(set)

    def bind(self, name: str, places: Places = NOWHERE, text: str = HOLE) -> None:
        """`name` is made to stand for `places` and `text`, here or where `global` and `nonlocal` say."""
        scope = self.elsewhere.get(name, self)
        scope.bound.add(name)
        scope._places[name] |= places
        scope._heard[name].add(text)

    def places_of(self, name: str) -> Places | None:
        """What `name` stands for, seen from here; None if no scope binds it."""
        scope = self._binding(name)
        return frozenset(scope._places[name]) if scope else None

    def text_of(self, name: str) -> str:
        """The one text that `name` stands for, seen from here, or a hole."""
        scope = self._binding(name)
        text = scope._texts.get(name, HOLE) if scope else HOLE
        return hole_named(name) if text == HOLE else text

    def settle(self) -> None:
        """End one reading: a name that was given two texts has none."""
        self._texts = {
            name: texts.copy().pop() if len(texts) == 1 else HOLE for name, texts in self._heard.items()
        }
        self._heard.clear()

    def state(self) -> tuple[int, int]:
        """Grows as long as something new is learned."""
        texts = sum(not has_hole(text) for text in self._texts.values())
        return sum(map(len, self._places.values())) + len(self.returned), texts

    def outermost(self) -> "Scope":
        """The module's own names."""
        return self.outer.outermost() if self.outer else self

    def _binding(self, name: str) -> "Scope | None":
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bound and (scope is self or not scope.is_class):
                return scope
            scope = scope.outer
        return None
