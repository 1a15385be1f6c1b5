"""The pages of a v2 list: where one begins, and what the address of the next one says."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from stripe_simulator import errors
from stripe_simulator.calls import Call


def start(call: Call, ids: Sequence[str]) -> int:
    """Return where the asked page begins: after the object its address names, so that new ones do not shift it."""
    after = call.params.text("page")
    if not after:
        return 0
    if after not in ids:
        raise errors.bad_request("page: Invalid page token.", param="page")
    return ids.index(after) + 1


def answer(call: Call, page: list[dict[str, Any]], *, is_last: bool) -> dict[str, Any]:
    """Return the list's page; the next one's address keeps every filter and leads where the switch says."""
    pairs = [(name, value) for name, value in call.params.pairs if name != "page"]
    following = None
    if page and not is_last:
        query = urlencode([*pairs, ("page", page[-1]["id"])])
        following = f"{call.sim.switches.next_page_host}{call.path}?{query}"
    return {"data": page, "next_page_url": following, "previous_page_url": None}
