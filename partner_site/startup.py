"""What a process of the site makes sure of before it serves anything."""

import ctypes
import logging
import resource
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

import psycopg
from django.core.checks import run_checks
from django.db import Error as DatabaseTrouble
from django.db import connections

from stripe_keys import ledger, vault

Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)

# gunicorn stops for good on this exit status ("the application cannot be loaded"); on others it tries for ever.
REFUSED = 4
# A database or a key service that neither answers nor refuses is given up after this long, each time it is asked.
PATIENCE_SECONDS = 5.0
_PR_SET_DUMPABLE = 4


def prepare_process() -> None:
    """Everything a web process or a worker does first."""
    log_last_words()
    keep_memory_private()
    refuse_unsafe_settings()
    refuse_restored_database()
    refuse_wrong_keys()


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
    problem = _in_time(ledger.refusal)
    if problem:
        sys.stderr.write(f"The site does not start: {problem}\n")
        sys.stderr.flush()
        sys.exit(REFUSED)


def refuse_wrong_keys() -> None:
    """End the process, naming the key, if a key-encryption key that the database needs is missing or another one.

    While the database or a key service is away nothing is known: the process starts, answers what it can, and proves
    a key before it wraps anything with it.
    """
    problems = _in_time(problems_with_keys)
    if problems is None:
        logger.critical("the key-encryption keys could not be proven within %s seconds", PATIENCE_SECONDS)
    if problems:
        sys.stderr.write("The site does not start with these keys:\n")
        sys.stderr.writelines(f"  {problem}\n" for problem in problems)
        sys.stderr.flush()
        sys.exit(REFUSED)


def problems_with_keys() -> list[str]:
    """Why not to start with the configured keys of the vault, in sentences; those in use get their canaries."""
    try:
        reasons = [*vault.reasons_not_to_start(), *vault.wrong_fingerprint_keys()]
        if not reasons:
            vault.ensure_canary(vault.primary_kek_id())
            vault.ensure_fingerprint_canaries()
    except vault.KeyServiceAway:
        logger.critical(
            "a key service is away: keys can neither be stored nor opened with it until it is back"
        )
        return []
    except vault.VaultError as problem:
        return [str(problem)]
    except (DatabaseTrouble, psycopg.Error) as problem:
        logger.warning("the key-encryption keys are not proven: no database yet (%s)", type(problem).__name__)
        return []
    return [str(reason) for reason in reasons]


def _in_time(ask: Callable[[], Answer]) -> Answer | None:
    """What `ask` answers, if it does within PATIENCE_SECONDS; it is asked in a thread that nobody waits for longer."""
    asked: Future[Answer] = Future()

    def asking() -> None:
        try:
            asked.set_result(ask())
        except Exception as problem:
            asked.set_exception(problem)
        finally:
            connections.close_all()

    threading.Thread(target=asking, name="start", daemon=True).start()
    try:
        return asked.result(PATIENCE_SECONDS)
    except TimeoutError:
        return None


def keep_memory_private() -> None:
    """Leave no core dump of this process, and keep other processes of the same user from reading its memory.

    Python cannot wipe a string, so a dump would hold keys. The second step is Linux's alone, and best effort.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
