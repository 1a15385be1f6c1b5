"""Every call of the SDK under the name that code gives it, with the request that it makes.

`client.v1.customers.retrieve` is a method of a client's services, `stripe.Customer.retrieve` one of a resource's class;
`stripe.Account.retrieve()` with the brackets is the same method called without an id. `None` stands beside what a
client or a class can do without a request of its own.
"""

import ast
from collections.abc import Iterator

from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.sdk import source
from stripe_keys.required_permissions.sdk.requests import request_of

Calls = dict[str, Request | None]
_CLIENT = ("stripe._stripe_client", "StripeClient")
_SERVICES = (
    ("client.v1", "stripe._v1_services", "V1Services"),
    ("client.v2", "stripe._v2_services", "V2Services"),
    ("client.oauth", "stripe._oauth_service", "OAuthService"),
)


def all_calls() -> Calls:
    """Every call that the installed SDK offers, placeholders named alike in both styles."""
    found: Calls = dict(_client())
    for name, module, cls in _SERVICES:
        found.update(_service(name, module, cls))
    named = {request.shape: request for request in found.values() if request}
    for name, request in _resources("stripe", "stripe"):
        found[name] = named.setdefault(request.shape, request) if request else None
    return found


def old_services() -> dict[str, str]:
    """The services that a client still offers without `v1`, as code wrote it before: their names there and here."""
    client = source.the_class_in(*_CLIENT)
    return {
        name: returned.attr
        for name, method in source.methods(client).items()
        if "property" in source.decorators(method)
        and isinstance(method.body[-1], ast.Return)
        and isinstance(returned := method.body[-1].value, ast.Attribute)
    }


def _client() -> Iterator[tuple[str, None]]:
    client = source.the_class_in(*_CLIENT)
    for name, method in source.methods(client).items():
        if not name.startswith("_") and "property" not in source.decorators(method):
            yield f"client.{name}", None


def _service(name: str, module: str, cls: str) -> Iterator[tuple[str, Request | None]]:
    service = source.the_class_in(module, cls)
    for method, function in source.methods(service).items():
        if not method.startswith("_"):
            yield f"{name}.{method}", request_of(function)
    for below, (its_module, its_class) in source.table_in(module, "_subservices").items():
        yield from _service(f"{name}.{below}", its_module, its_class)


def _resources(name: str, module: str) -> Iterator[tuple[str, Request | None]]:
    for below, (target, is_module) in source.table_in(module, "_import_map").items():
        if is_module:
            if source.table_in(target, "_import_map") and below not in ("events", "params"):
                yield from _resources(f"{name}.{below}", target)
        elif not below.endswith(("Service", "APIResource", "TestHelpers")):
            cls = source.class_in(target, below)
            if cls is not None:
                yield from _resource(f"{name}.{below}", cls)


def _resource(name: str, cls: ast.ClassDef) -> Iterator[tuple[str, Request | None]]:
    own = source.methods(cls)
    url = _class_url(cls, own)
    for method, function in own.items():
        if not method.startswith("_"):
            yield from _class_call(f"{name}.{method}", function, own, url)
    if "list" in own and "ListableAPIResource" in source.bases(cls):
        yield f"{name}.auto_paging_iter", request_of(own["list"], class_url=url)
    for below in source.classes(cls):
        if below.name == "TestHelpers":
            yield from _resource(f"{name}.{below.name}", below)


def _class_call(
    name: str, function: ast.FunctionDef, own: dict[str, ast.FunctionDef], url: str
) -> Iterator[tuple[str, Request | None]]:
    marks = source.decorators(function)
    if "class_method_variant" in marks:
        function = own[marks["class_method_variant"][0]]
    elif "classmethod" not in marks and "staticmethod" not in marks:
        return
    if name.endswith(".search_auto_paging_iter"):
        function = own["search"]
    found = request_of(function, class_url=url, of_one=f"{url}/{{id}}")
    without_id = _of_no_one(own) if found and found.path == f"{url}/{{id}}" else ""
    singleton = function.name == "retrieve" and len(function.args.args) == 1
    yield name, Request(found.method, url) if found and singleton else found
    if found and without_id:
        yield f"{name}()", Request(found.method, without_id)


def _class_url(cls: ast.ClassDef, own: dict[str, ast.FunctionDef]) -> str:
    """What the class's `class_url()` answers: its own text, or made from the name of its object."""
    if "class_url" in own:
        return source.text_of(own["class_url"].body[-1])
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "OBJECT_NAME":
            path = "/v1/" + source.text_of(node).replace(".", "/")
            return path if "SingletonAPIResource" in source.bases(cls) else f"{path}s"
    return ""


def _of_no_one(own: dict[str, ast.FunctionDef]) -> str:
    """The path that a class requests when it is asked for one object without an id, where it does."""
    building = own.get("_build_instance_url")
    first = building.body[0] if building else None
    return source.text_of(first.body[0]) if isinstance(first, ast.If) else ""
