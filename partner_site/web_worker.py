"""The process that gunicorn answers with: its refusals quote nothing of what was sent, and nobody sends for ever."""

import socket
import time
import traceback
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from partner_site.database import answers
from partner_site.log import scrub

# Whatever else is wrong with a request is a 400.
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    errors.ForbiddenProxyRequest: (403, "Forbidden"),
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}
# A request that is still not all here after so long is cut off: its sender holds one of a few threads.
PATIENCE_SECONDS = 15.0
_OUR_FAULT = (errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)


class QuietWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn's threaded worker, which answers a request that never reaches Django with a fixed text.

    gunicorn itself waits without end for the rest of a request that has begun.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begun: dict[Any, float] = {}
        self._in_threads = 0

    def init_process(self) -> None:
        """The beginning of the process."""
        answers.wait_at_most(answers.WEB_SECONDS)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections only while a thread is free: those in the system's queue another process may answer."""
        super().set_accept_enabled(enabled and self._in_threads < self.cfg.threads)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to the threads. Patience with its request begins now."""
        if getattr(conn, "began", None) is None:
            conn.began = time.monotonic()
        self._in_threads += 1
        super().enqueue_req(conn)
        if self._in_threads >= self.cfg.threads:
            self.set_accept_enabled(False)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Take it back; the loop takes new ones again if it may."""
        self._in_threads -= 1
        super().finish_request(conn, fs)

    def handle(self, conn: Any) -> Any:
        """One request of a connection, in a thread."""
        self._begun[conn] = conn.began
        try:
            is_kept = super().handle(conn)
        finally:
            self._begun.pop(conn, None)
        if is_kept is True:  # for another request
            conn.began = None
        return is_kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer what has the form of a request to this site: "*", or the address of another site, is none."""
        if not req.uri.startswith("/"):
            raise errors.InvalidRequestLine("not a path")
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Called every second or so: close connections that say nothing, and hear no more of those that go on for long.

        Whoever has sent all of a request is still answered.
        """
        super().murder_pending()
        for conn, began in list(self._begun.items()):
            if time.monotonic() - began > PATIENCE_SECONDS:
                self._stop_listening_to(conn)

    def _stop_listening_to(self, conn: Any) -> None:
        try:
            conn.sock.shutdown(socket.SHUT_RD)
        except OSError:
            self.log.debug("A slow sender had gone already.")

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse the request, or answer 500; the log says what was wrong with it and quotes it no more than we do."""
        kind = type(exc).__name__
        if isinstance(exc, errors.ParseException) and not isinstance(exc, _OUR_FAULT):
            status, reason = _refusal(exc)
            self.log.warning("Refused a request: %s %s", status, kind)
        else:
            status, reason = 500, "Internal Server Error"
            self.log.error("A request failed: %s", scrub("".join(traceback.format_exception(exc))))
        try:
            util.write_error(client, status, reason, "")
        except OSError:
            self.log.debug("Nobody waited for the answer.")


def _refusal(exc: Exception) -> tuple[int, str]:
    known = [answer for kind, answer in _REFUSALS.items() if isinstance(exc, kind)]
    return known[0] if known else (400, "Bad Request")
