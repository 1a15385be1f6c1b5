"""Every kind of object that the simulated API has, as `resources.txt` beside this module lists them."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Resource:
    """One kind of object: where it is listed, what opens it, and how Stripe names it to people."""

    permission: str
    """Name without `_read` or `_write`."""
    path: str
    """May hold `{parent}`: then it belongs to an object of the list before it."""
    object_name: str
    id_prefix: str
    can: str
    """Of l(ist), f(etch), c(reate), u(pdate) and d(elete), those that the API has."""
    label: str
    required: tuple[str, ...] = ()
    """What creating one requires."""
    asked: tuple[str, ...] = ()
    """What listing them requires."""
    actions: tuple[tuple[str, str], ...] = ()
    """What `POST …/{id}/<action>` can do to one, and the status that it has then."""
    product: str = ""
    """What an account must have been given before it may list or create these."""
    create_needs: str = ""
    """The permission for creating one where it is not the one for writing."""

    @property
    def read(self) -> str:
        return f"{self.permission}_read"

    @property
    def write(self) -> str:
        return f"{self.permission}_write"

    @property
    def is_read(self) -> bool:
        """Whether a read permission opens anything of it."""
        return "l" in self.can or "f" in self.can

    @property
    def is_written(self) -> bool:
        """Whether a write permission opens anything of it."""
        creates = "c" in self.can and not self.create_needs
        return bool(creates or self.actions or {"u", "d"} & set(self.can))


def _resource(line: str) -> Resource:
    permission, path, object_name, id_prefix, can, label, *more = shlex.split(line)
    options = dict(option.split("=", 1) for option in more)
    actions = (pair.partition(":") for pair in _words(options.get("actions", "")))
    return Resource(
        permission,
        path,
        object_name,
        id_prefix,
        can,
        label,
        required=_words(options.get("required", "")),
        asked=_words(options.get("asked", "")),
        actions=tuple((name, status) for name, _, status in actions),
        product=options.get("product", ""),
        create_needs=options.get("create_needs", ""),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


RESOURCES = tuple(
    _resource(line)
    for line in Path(__file__).with_name("resources.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
)
