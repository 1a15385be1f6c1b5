"""What a process of the site makes sure of before it serves anything."""

import ctypes
import resource
import sys

from django.core.checks import run_checks

# gunicorn stops for good on this exit status ("the application cannot be loaded"); on others it tries for ever.
REFUSED = 4
_PR_SET_DUMPABLE = 4


def refuse_unsafe_settings() -> None:
    """End the process, saying why, if a system check of ours or of Django's finds an error.

    Only `manage.py` runs checks by itself; a web server or a worker would serve happily with a demo key.
    """
    problems = [message for message in run_checks(tags=["partner_site"]) if message.is_serious()]
    if not problems:
        return
    sys.stderr.write("The site does not start with these settings:\n")
    for problem in problems:
        sys.stderr.write(f"  {problem.id}: {problem.msg} {problem.hint or ''}\n".rstrip() + "\n")
    sys.stderr.flush()
    sys.exit(REFUSED)


def keep_memory_private() -> None:
    """Leave no core dump of this process, and keep other processes of the same user from reading its memory.

    Python cannot wipe a string, so a dump would hold keys. The second step is Linux's alone, and best effort.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
