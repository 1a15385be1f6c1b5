"""The one exception of the local stack: a sentence for a person, never a traceback."""

from pathlib import Path


class StackError(Exception):
    """Something could not be started or kept running; the message is one clear sentence saying what to do."""


def last_lines(log: Path, count: int = 12) -> str:
    """The last `count` lines of a log file, indented, or an empty string when there is nothing to show."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in lines[-count:])


def died(name: str, log: Path) -> StackError:
    """The sentence for a process that ended by itself, with the last lines of its log."""
    return StackError(f"{name} has ended by itself. The end of its log ({log}):{last_lines(log)}")
