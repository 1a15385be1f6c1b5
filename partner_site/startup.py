"""What a process of the site makes sure of before it serves anything."""

import ctypes
import logging
import resource
import sys
import threading
from types import TracebackType

from django.core.checks import run_checks
from django.db import connection

from stripe_keys import ledger

logger = logging.getLogger(__name__)

# gunicorn stops for good on this exit status ("the application cannot be loaded"); on others it tries for ever.
REFUSED = 4
_PR_SET_DUMPABLE = 4


def prepare_process() -> None:
    """Everything a web process or a worker does first."""
    log_last_words()
    keep_memory_private()
    refuse_unsafe_settings()
    refuse_restored_database()


def log_last_words() -> None:
    """Log what ends this process or one of its threads; Python would print it past the log, keys and all."""
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda told: _log_uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _log_uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _log_uncaught(
    kind: type[BaseException], problem: BaseException | None, where: TracebackType | None
) -> None:
    logger.critical("uncaught %s", kind.__name__, exc_info=(kind, problem or kind(), where))


def refuse_unsafe_settings() -> None:
    """End the process, saying why, if a system check of ours or of Django's finds an error.

    Only `manage.py` runs checks by itself; a web server or a worker would serve happily with a demo key.
    """
    problems = [message for message in run_checks() if message.is_serious()]
    if not problems:
        return
    sys.stderr.write("The site does not start with these settings:\n")
    for problem in problems:
        sys.stderr.write(f"  {problem.id}: {problem.msg} {problem.hint or ''}\n".rstrip() + "\n")
    sys.stderr.flush()
    sys.exit(REFUSED)


def refuse_restored_database() -> None:
    """End the process, saying why, if the database and the deletion ledger contradict each other.

    A database that was restored still holds what was erased since its dump; nobody may be served from it before
    `manage.py after_restore`. A database that is away is not waited for.
    """
    problem = ledger.refusal()
    connection.close()
    if problem:
        sys.stderr.write(f"The site does not start: {problem}\n")
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
