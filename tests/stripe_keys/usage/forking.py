"""`python -m tests.stripe_keys.usage.forking KEY_ID`: notes a call, forks as a pre-forking server does, and notes more.

One call before the fork, two in the child, three in the parent; both end as servers do, without being asked to write.
"""

import os
import sys
from uuid import UUID

import django

django.setup()

from stripe_keys import usage  # noqa: E402  # Django must be set up
from stripe_keys.models import RestrictedKey  # noqa: E402


def main() -> int:
    """Play both parts."""
    note = usage.note_taker(RestrictedKey(pk=UUID(sys.argv[1])))
    note("get", "/v1/charges", 200, None)
    child = os.fork()
    for _ in range(3 if child else 2):
        note("get", "/v1/charges", 200, None)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 0


if __name__ == "__main__":
    sys.exit(main())
