"""Which path template of Stripe's API a request belongs to: what may be counted and shown, for it never holds an id.

The list beside this module (`api_paths.txt`) is written from the installed SDK's source by `manage.py write_api_paths`.
"""

from functools import cache
from pathlib import Path

UNKNOWN = "other"
LIST = Path(__file__).with_name("api_paths.txt")


class _Node:
    """One place in a path: what may follow it by name, what by any text, and the template if a path may end here."""

    __slots__ = ("anything", "named", "template")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.anything: _Node | None = None
        self.template = ""


def template_of(method: str, path: str) -> str:
    """`/v1/customers/{customer}` for GET `/v1/customers/cus_1?expand[]=x`; `other` for what Stripe's SDK does not know.

    A segment that the API names wins over a placeholder, as at Stripe. Whatever stands at a placeholder is never in the
    answer, which is always a line of the list or `other`.
    """
    tree = _trees().get(method.upper())
    if tree is None:
        return UNKNOWN
    return _match(tree, path.partition("?")[0].split("/"), 1) or UNKNOWN if path.startswith("/") else UNKNOWN


@cache
def known() -> frozenset[tuple[str, str]]:
    """Every (method, path template) of the list."""
    return frozenset(_lines())


def _match(node: _Node, segments: list[str], at: int) -> str:
    if at == len(segments):
        return node.template
    segment = segments[at]
    named = node.named.get(segment)
    if named is not None:
        template = _match(named, segments, at + 1)
        if template:
            return template
    if node.anything is not None and segment:
        return _match(node.anything, segments, at + 1)
    return ""


@cache
def _trees() -> dict[str, _Node]:
    trees: dict[str, _Node] = {}
    for method, template in _lines():
        node = trees.setdefault(method, _Node())
        for segment in template.split("/")[1:]:
            node = _step(node, segment)
        node.template = template
    return trees


def _step(node: _Node, segment: str) -> _Node:
    if not segment.startswith("{"):
        return node.named.setdefault(segment, _Node())
    if node.anything is None:
        node.anything = _Node()
    return node.anything


def _lines() -> list[tuple[str, str]]:
    lines = (
        line.split() for line in LIST.read_text(encoding="ascii").splitlines() if not line.startswith("#")
    )
    return [(method, template) for method, template in lines]
