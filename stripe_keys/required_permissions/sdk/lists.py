"""The two lists that the site keeps of Stripe's API, as text: path templates, and the SDK's calls."""

from collections.abc import Iterable
from importlib.metadata import version

from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.sdk.calls import Calls

_HEAD = "# Written by `manage.py write_api_paths` from the source of Stripe's SDK {}: do not edit by hand.\n"
# Not in the stable SDK, for it is a preview; Stripe's documents of app-managed keys name these paths.
_BESIDE_THE_SDK = (
    Request("GET", "/v2/iam/activity_logs"),
    Request("GET", "/v2/iam/activity_logs/{id}"),
    Request("GET", "/v2/iam/api_keys"),
    Request("POST", "/v2/iam/api_keys"),
    Request("GET", "/v2/iam/api_keys/{id}"),
    Request("POST", "/v2/iam/api_keys/{id}"),
    Request("POST", "/v2/iam/api_keys/{id}/expire"),
    Request("POST", "/v2/iam/api_keys/{id}/rotate"),
)


def api_paths(calls: Calls, *, before: Iterable[tuple[str, str]]) -> str:
    """One `GET /v1/customers/{customer}` a line: the SDK's, ours, and those of `before`, which are never dropped.

    What older SDKs knew stays, so that code which still asks for it is counted by its path.
    """
    by_shape = {request.shape: request for request in (Request(*line) for line in before)}
    by_shape |= {request.shape: request for request in _BESIDE_THE_SDK}
    by_shape |= {request.shape: request for request in calls.values() if request}
    lines = sorted((request.path, request.method) for request in by_shape.values())
    return _head() + "".join(f"{method} {path}\n" for path, method in lines)


def sdk_calls(calls: Calls) -> str:
    """One `client.v1.customers.list GET /v1/customers` a line; a name alone makes no request of its own."""
    return _head() + "".join(
        f"{name} {request.method} {request.path}\n" if request else f"{name}\n"
        for name, request in sorted(calls.items())
    )


def _head() -> str:
    return _HEAD.format(version("stripe"))
