"""Requests made without the SDK's services: `client.raw_request(…)`, or an HTTP library and Stripe's address."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stripe_keys.catalogue.api_paths import UNKNOWN, template_of
from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.names import Names
from stripe_keys.required_permissions.places import NOT_STRIPES, certain, name_of
from stripe_keys.required_permissions.scopes import Places
from stripe_keys.required_permissions.texts import STRIPES_HOLE, has_hole

_RAW = {"raw_request", "raw_request_async"}
_RAW_PLACE = "client.raw_request"
_VERBS = {"get", "post", "delete", "put", "patch", "head", "options"}
_METHOD_FIRST = {"request", "stream"}
_OPENERS = {"urlopen", "Request"}
_NOT_REQUESTS = {
    *(
        "urljoin",
        "print",
        "format",
        "join",
        "replace",
        "startswith",
        "endswith",
        "removeprefix",
        "split",
        "str",
    ),
    *(
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "override_settings",
        "setattr",
        "getattr",
    ),
    *("rstrip", "strip", "lower", "quote", "urlparse", "urlsplit", "Field", "StripeClient", "env"),
}
_ADDRESS = re.compile(
    rf"(?:https://(?:api|files|connect|meter-events)\.stripe\.com|{STRIPES_HOLE})(/(?:v[12]|oauth)\b.*|/?)",
    re.DOTALL,
)
_UNKNOWN_PATH = "the path is only known at run time"
_UNKNOWN_METHOD = "the HTTP method is only known at run time"
_NO_SUCH_PATH = "no path that Stripe's SDK knows"
_ADDRESS_PASSED = "Stripe's address is passed on: what is requested there is not followed"


@dataclass(frozen=True)
class RawRequest:
    """One request without a service, or `why` nothing more is known of it."""

    name: str
    request: Request | None = None
    why: str = ""


def raw_request_of(call: ast.Call, places: Places, names: Names) -> RawRequest | None:
    """What `call` requests of Stripe without a service; None if it does not."""
    function = name_of(call.func)
    if function in _RAW or any(certain(place) == _RAW_PLACE for place in places):
        method = names.text(_argument(call, 0, "method", "method_"))
        return _request("raw_request", method, names.text(_argument(call, 1, "url", "url_")))
    if places - NOT_STRIPES or function in _NOT_REQUESTS:
        return None
    path = next(_paths(call, names), None)
    if path is None:
        return None
    if path in ("", "/", "/v1", "/v1/", "/v2", "/v2/"):
        return RawRequest(function, why=_ADDRESS_PASSED)
    return _request(function, _method(call, function, names), path)


def _paths(call: ast.Call, names: Names) -> Iterator[str]:
    """The paths at Stripe among what is handed to `call`."""
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.Starred):
            continue
        address = _ADDRESS.fullmatch(names.text(argument))
        # An address named after Stripe but without a path is too little to go by.
        if address and (address.group(1) or not address.group().startswith(STRIPES_HOLE)):
            yield address.group(1)


def _method(call: ast.Call, function: str, names: Names) -> str:
    if function.lower() in _VERBS:
        return function
    if function in _METHOD_FIRST:
        return names.text(_argument(call, 0, "method"))
    if function in _OPENERS:
        told = _argument(call, 99, "method")
        with_body = _argument(call, 1, "data") is not None
        return names.text(told) if told else "POST" if with_body else "GET"
    return names.text(_argument(call, 99, "method"))


def _request(name: str, method: str, path: str) -> RawRequest:
    address = _ADDRESS.fullmatch(path)
    path = (address.group(1) if address else path).partition("?")[0]
    if not path.startswith("/"):
        return RawRequest(name, why=_UNKNOWN_PATH)
    if has_hole(method) or not method.isalpha():
        return RawRequest(name, why=_UNKNOWN_METHOD)
    template = template_of(method, path)
    if template == UNKNOWN:
        return RawRequest(name, why=_UNKNOWN_PATH if has_hole(path) else _NO_SUCH_PATH)
    return RawRequest(name, Request(method.upper(), template))


def _argument(call: ast.Call, at: int, *names: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    before = call.args[: at + 1]
    if len(before) <= at or any(isinstance(argument, ast.Starred) for argument in before):
        return None
    return before[at]
