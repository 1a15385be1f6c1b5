"""What our checks are compared with: the same questions of the same keys, without anything around them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat

import requests
import stripe
from requests.adapters import HTTPAdapter

from bench.validation.seeding import Shop
from stripe_keys import catalogue, permissions

ENOUGH_CONNECTIONS = 256


def questions() -> list[tuple[str, str]]:
    """Method and path of the question about each permission of the manifest."""
    required = [catalogue.PROBES[one.permission] for one in permissions.required()]
    return [(probe.method, probe.path) for probe in required]


class SharedClient:
    """A bare thread pool and one HTTP client for all, its pool of connections large enough.

    With `by_key` a thread asks everything about one key, else each question is a job of its own. `trusts_environment`
    is how `requests` comes: it looks for proxies and a .netrc at every call, which costs it a third of its speed.
    """

    def __init__(
        self, base: str, threads: int, *, by_key: bool = True, trusts_environment: bool = False
    ) -> None:
        session = requests.Session()
        session.trust_env = trusts_environment
        session.mount("http://", HTTPAdapter(pool_maxsize=ENOUGH_CONNECTIONS))
        self._http_client = stripe.RequestsClient(session=session)
        self._base, self._by_key = base, by_key
        self._pool = ThreadPoolExecutor(threads)

    def check(self, shops: Sequence[Shop]) -> int:
        """Ask everything about every key; returns how many questions were answered well."""
        clients = [_client(shop, self._http_client, self._base) for shop in shops]
        if self._by_key:
            return sum(self._pool.map(_ask_all, clients))
        jobs = [pair for client in clients for pair in zip(repeat(client), questions(), strict=False)]
        return sum(self._pool.map(_ask, jobs))


class NaiveLoop:
    """For each key a new client with an HTTP client of its own, and one question after the other."""

    def __init__(self, base: str, threads: int) -> None:
        self._base = base
        self._pool = ThreadPoolExecutor(threads)

    def check(self, shops: Sequence[Shop]) -> int:
        """Ask everything about every key; returns how many questions were answered well."""
        return sum(self._pool.map(self._check_one, shops))

    def _check_one(self, shop: Shop) -> int:
        http_client = stripe.RequestsClient()
        try:
            return _ask_all(_client(shop, http_client, self._base))
        finally:
            http_client.close()  # type: ignore[no-untyped-call]


def _client(shop: Shop, http_client: stripe.HTTPClient, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(shop.token, http_client=http_client, base_addresses={"api": base})


def _ask_all(client: stripe.StripeClient) -> int:
    return sum(_ask((client, question)) for question in questions())


def _ask(job: tuple[stripe.StripeClient, tuple[str, str]]) -> bool:
    client, (method, path) = job
    return _is_answered(partial(client.raw_request, method, path))


def _is_answered(ask: Callable[[], stripe.StripeResponse]) -> bool:
    try:
        return isinstance(ask().data, dict)
    except stripe.StripeError:
        return False
