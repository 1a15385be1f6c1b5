"""Where an attribute of Stripe's SDK leads: from a place and a name to the next place, or to a call.

A place is written as in the list of calls: `stripe` is the SDK's module, `client` any `StripeClient`. Something that
answers a place when it is called begins with `()`. A place that is only likely (a variable called `client` that comes
from elsewhere) begins with `?`: what is not a known call below it is then none of Stripe's.
"""

import ast
import re
from functools import cache

from stripe_keys.required_permissions import calls
from stripe_keys.required_permissions.scopes import NOWHERE, Places

CLIENT = "client"
MODULE = "stripe"
CALLED, LIKELY = "()", "?"
_ANSWERS_A_CLIENT = {"stripe.StripeClient", "client.with_stripe_context"}
_OUR_DOOR = "stripe_client"
_SURELY_STRIPES = re.compile(r"_*(.*_)?stripe(_?(api|sdk|client))?_*", re.IGNORECASE)
_PERHAPS_A_CLIENT = re.compile(r"_*(.*_)?client_*", re.IGNORECASE)
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
        return frozenset({CALLED + CLIENT})
    if _SURELY_STRIPES.fullmatch(name):
        return EITHER
    return frozenset({LIKELY + CLIENT}) if about_stripe and _PERHAPS_A_CLIENT.fullmatch(name) else NOWHERE


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
