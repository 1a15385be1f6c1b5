"""A box on a page, and the ways out of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A way out of a notice."""

    address: str
    label: str
    leads_to_stripe: bool = False
    is_main: bool = False


@dataclass(frozen=True)
class Notice:
    """A box on a page; `tone` is info, success, warning or danger."""

    tone: str
    title: str
    text: str
    links: tuple[Link, ...] = ()
