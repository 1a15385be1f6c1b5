"""Where an attribute of Stripe's SDK leads: from a place and a name to the next place, or to a call.

A place is written as in the list of calls: `stripe` is the SDK's module, `client` any `StripeClient`. Something that
answers a place when it is called begins with `()`. A place that is only likely (a variable called `client` that comes
from elsewhere) begins with `?`: what is not a known call below it is then none of Stripe's. `-` is what is not Stripe's
at all, whatever it is called.
"""

import ast
import re
from functools import cache

from stripe_keys.required_permissions import calls
from stripe_keys.required_permissions.scopes import NOWHERE, Places

CLIENT = "client"
MODULE = "stripe"
CALLED, LIKELY = "()", "?"
NOT_STRIPES: Places = frozenset({"-"})
_ANSWERS_A_CLIENT = {"stripe.StripeClient", "client.with_stripe_context"}
_OUR_DOOR = "stripe_client"
EITHER = frozenset({LIKELY + CLIENT, LIKELY + MODULE})
_WRAPPERS = {
    "Optional",
    "Union",
    "Annotated",
    "Final",
    "ClassVar",
    "Iterator",
    "Generator",
    "AsyncIterator",
    "AsyncGenerator",
}


def below(places: Places, name: str) -> Places:
    """The places and calls that the attribute `name` of `places` leads to."""
    return frozenset(found for place in places if (found := _step(place, name.removesuffix("_async"))))


def called(places: Places) -> Places:
    """What calling `places` answers: a client, or a place that a function of the file answers."""
    answers = {place.removeprefix(CALLED) for place in places if place.startswith(CALLED)}
    return frozenset(answers | {CLIENT for place in places if certain(place) in _ANSWERS_A_CLIENT})


def certain(place: str) -> str:
    """The place without the mark that it is only likely."""
    return place.removeprefix(LIKELY)


def is_known(place: str) -> bool:
    """Whether the SDK has such a place or call."""
    return place in calls.places() or place in calls.requests() or place in calls.without_request()


def holds_calls(place: str) -> bool:
    """Whether `place` is a service or a class: what is called on it and unknown, the SDK does not offer."""
    return place in _with_calls()


def module(name: str) -> Places:
    """What `import name` brings, where it is a module of Stripe's SDK."""
    return frozenset({name}) if name.split(".", maxsplit=1)[0] == MODULE and is_known(name) else NOWHERE


def imported(source: str, name: str) -> Places:
    """What `from source import name` brings: of Stripe's SDK, of its older layouts, or this site's own door."""
    if name == _OUR_DOOR:
        return frozenset({CALLED + CLIENT})
    if source.split(".", maxsplit=1)[0] != MODULE:
        return EITHER if name == MODULE else NOWHERE
    full = f"{source}.{name}"
    here = full if is_known(full) or full in _ANSWERS_A_CLIENT else f"{MODULE}.{name}"
    return frozenset({here}) if is_known(here) or here in _ANSWERS_A_CLIENT else NOWHERE


def guessed(name: str, *, about_stripe: bool) -> Places:
    """What something from elsewhere is likely to be by its name; `about_stripe` if its file uses Stripe's SDK."""
    if name == _OUR_DOOR:
        return EITHER | {CALLED + CLIENT}
    word = name.lower().strip("_")
    is_client = word.endswith("client")
    if word == MODULE or word.endswith(f"_{MODULE}") or (is_client and MODULE in word):
        return EITHER
    return frozenset({LIKELY + CLIENT}) if about_stripe and is_client else NOWHERE


def declared(annotation: ast.expr | None) -> Places:
    """What a name is by its annotation: a client, or not Stripe's where another class is named."""
    says_nothing = isinstance(annotation, ast.Name | ast.Attribute) and name_of(annotation) in (
        "Any",
        "object",
    )
    if annotation is None or says_nothing:
        return NOWHERE
    return annotated(annotation) or NOT_STRIPES


def constructed(name: str) -> bool:
    """Whether something called `name` is a class by Python's custom, and none of Stripe's."""
    return name[:1].isupper() and MODULE not in name.lower()


def name_of(expression: ast.expr) -> str:
    """The last name in `expression`: `client` of `self.client`, `get_client` of `get_client()`."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return name_of(function)
    return ""


def annotated(annotation: ast.expr | None) -> Places:
    """A client where `annotation` says `StripeClient`, `StripeClient | None` or the like; nowhere otherwise."""
    match annotation:
        case ast.Name(id="StripeClient") | ast.Attribute(attr="StripeClient"):
            return frozenset({CLIENT})
        case ast.Constant(value=str(text)):
            return (
                frozenset({CLIENT})
                if re.fullmatch(r"[\w. |\[]*\bStripeClient\b[ |\]None]*", text)
                else NOWHERE
            )
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return annotated(left) | annotated(right)
        case ast.Subscript(value=ast.Name(id=wrapper) | ast.Attribute(attr=wrapper), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return NOWHERE.union(*map(annotated, parts)) if wrapper in _WRAPPERS else NOWHERE
    return NOWHERE


def _step(place: str, name: str) -> str:
    mark = LIKELY if place.startswith(LIKELY) else ""
    full = f"{certain(place)}.{name}"
    if full in _ANSWERS_A_CLIENT or is_known(full):
        return mark + full
    without_version = f"client.v1.{name}"
    return mark + without_version if certain(place) == CLIENT and is_known(without_version) else ""


@cache
def _with_calls() -> frozenset[str]:
    return frozenset(name.rpartition(".")[0] for name in calls.requests())
