"""A Stripe key in memory: a value that does not print, log, compare loosely, copy or pickle."""

import hmac
import re
from dataclasses import dataclass
from types import MemberDescriptorType
from typing import Any, NoReturn, Self, final

_KEY = re.compile(r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,240}", re.ASCII)


class NotAKey(ValueError):
    """The text is not one whole Stripe key; it says nothing about the text."""


@dataclass(frozen=True, slots=True)
class KeyShape:
    """What may be said about a key aloud."""

    kind: str
    livemode: bool
    last4: str


@final
class Secret:
    """One whole `rk_` or `sk_` key of ASCII letters and digits, 10 to 240 of them behind the prefix.

    Only `reveal()` gives the text away. Everything that would show it by accident (repr, str, format, json, pickle,
    copy, a template, a traceback's locals, a tool that reads every attribute) shows the prefix and the last four
    characters at the most.

    Raises:
        NotAKey: the text is not of that form.
    """

    __slots__ = ("_text",)

    def __new__(cls, text: str) -> Self:
        """Not `__init__`, which could be called again."""
        match = _KEY.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            del text  # a report that shows variables would quote it
            raise NotAKey("That is not one whole Stripe key.")
        self = super().__new__(cls)
        _text_inside.__set__(self, match.group())  # a plain str, even of a subclass
        return self

    def reveal(self) -> str:
        """The key itself. Every caller is listed in `tests/house/reveals.py`: add none without a reason."""
        return str(_text_inside.__get__(self))

    reveal.alters_data = True  # type: ignore[attr-defined]  # templates call what they can, but not this

    @property
    def shape(self) -> KeyShape:
        """Its kind (`rk` or `sk`), mode and last four characters."""
        kind, mode, _ = _text_inside.__get__(self).split("_")
        return KeyShape(kind=kind, livemode=mode == "live", last4=self.last4)

    @property
    def livemode(self) -> bool:
        """Whether the key belongs to live mode, by its prefix."""
        return bool(_text_inside.__get__(self).startswith("live_", 3))

    @property
    def last4(self) -> str:
        """The last four characters, which Stripe's Dashboard shows too."""
        return str(_text_inside.__get__(self)[-4:])

    def __init_subclass__(cls, **kwargs: Any) -> NoReturn:
        raise TypeError("A secret has no subclasses.")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret does not change.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A secret does not change.")

    def __repr__(self) -> str:
        return f"<Secret {self.shape.kind}_{'live' if self.livemode else 'test'}_…{self.last4}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]  # a secret in a set or a dict key is a secret left lying about

    def __copy__(self) -> NoReturn:
        raise TypeError("A secret is not copied.")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("A secret is not copied.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret is not pickled.")

    def __getstate__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")


# The slot that holds the text is no attribute of the class: dir(), getattr() and whatever walks objects miss it.
_text_inside: MemberDescriptorType = vars(Secret)["_text"]
type.__delattr__(Secret, "_text")
