"""What the site writes to its log: one line per event, never a key.

Standard logging and structlog end in the same handler. The last that happens to a line, tracebacks included, is that
everything shaped like a Stripe secret is cut down to its prefix.
"""

import logging
import sys
from typing import Any

import structlog

from stripe_keys.key_shapes import holds_a_key, scrub

__all__ = ["OUR_EXTRAS", "ScrubbedFormatter", "holds_a_key", "logging_config", "scrub"]

_QUIET = ("stripe", "urllib3", "requests", "httpx", "httpcore", "django.db.backends", "asyncio")


OUR_EXTRAS = ("key", "merchant", "code", "kind")


class ScrubbedFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats a record, then removes key-shaped strings from the finished line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line for `record`, scrubbed."""
        return scrub(super().format(record))


def _before_rendering() -> list[structlog.typing.Processor]:
    """The steps that structlog's and standard logging's records share."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        # Our own `extra={"key": …}` and no other: Django's holds the request, whose address may carry a state.
        structlog.stdlib.ExtraAdder(allow=OUR_EXTRAS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(*, for_people: bool) -> list[structlog.typing.Processor]:
    """The last steps: readable at a terminal, one JSON object per line anywhere else.

    Tracebacks are plain in both: a rich one prints the variables of every frame.
    """
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if for_people:
        plain = structlog.dev.plain_traceback
        return [strip, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    return [strip, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


def logging_config(level: str) -> dict[str, Any]:
    """Configure structlog and return the `dictConfig` for everything that is logged at `level` or above.

    Loggers with handlers of their own (Django's mail to the admins among them, which would send whole requests)
    lose them and pass their records on to the one handler here.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_before_rendering(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    passed_on: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": ScrubbedFormatter,
                "foreign_pre_chain": _before_rendering(),
                "processors": _rendering(for_people=sys.stderr.isatty()),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "django": passed_on,
            "django.server": passed_on,
            "gunicorn.error": passed_on,
            "gunicorn.access": passed_on,
            "celery": passed_on,
            **{name: {"level": "WARNING"} for name in _QUIET},
            "urllib3": {"level": "ERROR"},  # its warnings quote addresses, and what was answered
        },
    }
