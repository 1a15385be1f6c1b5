"""`python -m tests.house.reveals`: prints where a secret's text is taken out, as file:function; 1 for any other place.

The list is SITES. Besides a call outside of it, everything is refused that would take the text out unseen: `reveal`
without a call, by its name in a string, from a template, or past `Secret` altogether. A name that is put together while
the program runs cannot be found by reading; the canary journey looks for what that would leave behind.
"""

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.house import ground

# Each line is a place to read closely. A new one needs a reason that a reviewer accepts.
SITES = {
    "stripe_keys/gateway/__init__.py:ask": "for the questions to Stripe",
    "stripe_keys/gateway/__init__.py:client_for": "for the request to Stripe",
    "stripe_keys/secret.py:Secret.__eq__": "compared in constant time",
    "stripe_keys/vault/fingerprints.py:fingerprints": "hashed under a key",
    "stripe_keys/vault/keys.py:encrypt_under": "encrypted",
    "stripe_keys/vault/managed.py:seal_copy": "encrypted",
}
READ = (*ground.APPS, "bench", "local_stack")
_ITS_OWN_MODULE = "stripe_keys/secret.py"
_INSIDE = frozenset({"_text", "_text_inside"})
_PAST_THE_DOOR = frozenset({"__getattribute__", "get_referents", "get_referrers"})
_IN_A_TEMPLATE = re.compile(r"\{[{%][^{}]*\.reveal\b")
_BY_NAME = re.compile(r"(?:^|\.)reveal$")


@dataclass(frozen=True)
class Reveal:
    """One place in the code, or a way round, that takes a secret's text out."""

    site: str
    line: int
    what: str = ""
    """Empty for a plain call; else what is wrong with it wherever it stands."""

    @property
    def sentence(self) -> str:
        """What to tell whoever wrote it."""
        what = self.what or "calls reveal() and is not on the list in tests/house/reveals.py"
        return f"{self.site} (line {self.line}) {what}."


class _Reader(ast.NodeVisitor):
    """Collects the reveals of one module. Scopes that have no name on the list get one in angle brackets."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[Reveal] = []
        self._scope: list[str] = []
        self._called: set[int] = set()

    def _note(self, node: ast.AST, what: str = "") -> None:
        scope = ".".join(self._scope) or "<module>"
        self.found.append(Reveal(f"{self.path}:{scope}", getattr(node, "lineno", 0), what))

    def _inside(self, name: str, nodes: Iterable[ast.AST]) -> None:
        self._scope.append(name)
        for node in nodes:
            self.visit(node)
        self._scope.pop()

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            self.visit(outside)  # decorators and defaults run where the function is defined
        self._inside(node.name, node.body)

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815  # as `ast` calls them

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        for each in node.body:
            is_method = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            self._inside(node.name if is_method else f"{node.name}.<body>", [each])

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._inside("<lambda>", [node.body])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._inside("<generator>", ast.iter_child_nodes(node))  # runs later, wherever it is carried

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "reveal":
            self._called.add(id(node.func))
            self._note(node, "" if not (node.args or node.keywords) else "passes reveal() arguments")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "reveal" and id(node) not in self._called and not self._is_its_own:
            self._note(node, "takes reveal without calling it")
        self._refuse_names(node, node.attr)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            self._refuse_names(node, name.name)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str) or self._is_its_own:
            return
        if _BY_NAME.search(node.value):
            self._note(node, "names reveal in a string")
        elif node.value in _INSIDE | _PAST_THE_DOOR:
            self._note(node, f"names {node.value} in a string")
        elif reveals_in_template(node.value):
            self._note(node, "reveals in a template")

    def _refuse_names(self, node: ast.AST, name: str) -> None:
        if name in _INSIDE | _PAST_THE_DOOR and not self._is_its_own:
            self._note(node, f"reaches for {name}")

    @property
    def _is_its_own(self) -> bool:
        return self.path == _ITS_OWN_MODULE


def reveals_in_module(path: str, source: str) -> list[Reveal]:
    """The reveals of a Python module."""
    reader = _Reader(path)
    reader.visit(ast.parse(source, filename=path))
    return reader.found


def reveals_in_template(source: str) -> list[int]:
    """The lines of a template whose tags name `reveal`."""
    return [source.count("\n", 0, match.start()) + 1 for match in _IN_A_TEMPLATE.finditer(source)]


def reveals(project: Path, paths: Iterable[Path]) -> list[Reveal]:
    """Every reveal in these files of a project, of which only our packages and templates are read."""
    found: list[Reveal] = []
    for path in paths:
        if path.suffix == ".py" and (path.parts[0] in READ or len(path.parts) == 1):
            found += reveals_in_module(str(path), (project / path).read_text())
        elif path.suffix in {".html", ".txt"} and path.parts[0] in {"templates", *READ}:
            lines = reveals_in_template((project / path).read_text())
            found += [Reveal(f"{path}:<template>", line, "reveals in a template") for line in lines]
    return found


def complaints(found: Iterable[Reveal], sites: Iterable[str] = SITES) -> list[str]:
    """What is wrong: reveals that are not listed, and listed places that reveal nothing."""
    found, sites = list(found), set(sites)
    wrong = [each.sentence for each in found if each.what or each.site not in sites]
    gone = sites - {each.site for each in found}
    return wrong + [
        f"{site} is on the list in tests/house/reveals.py and reveals nothing." for site in sorted(gone)
    ]


def main() -> int:
    """Print the list; 1, with a sentence for each on the standard error, when something is wrong."""
    found = reveals(ground.PROJECT, ground.files())
    for site in sorted({each.site for each in found}):
        sys.stdout.write(f"{site}\n")
    wrong = complaints(found)
    for sentence in wrong:
        sys.stderr.write(f"{sentence}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
