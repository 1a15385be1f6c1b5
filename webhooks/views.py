"""The door for Stripe's events: verified, kept, answered. Nothing is worked on here, and no caller is told a reason."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.db import DataError, InterfaceError, OperationalError
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from webhooks import inbox, oddities, reading, signature
from work.doubt import Doubt

log = logging.getLogger(__name__)
LARGEST_SNAPSHOT = 1_048_576
LARGEST_THIN = 65_536
RETRY_AFTER_SECONDS = "5"
_storing = Doubt(one_each=2.0)


class Refused(Exception):
    """The delivery is not taken; `status` is all the caller hears."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Answer 200 once a verified event is on disk; 4xx for what Stripe did not sign, 503 while the database is away."""
    try:
        length = _announced_length(request)
        claim = _claim(request)
        body = _body(request, length)
        secret_name = _verified(claim, body)
        _keep(_read(body, secret_name), body, secret_name)
    except Refused as refusal:
        log.info("a delivery was refused: %s", refusal)
        return _answer(refusal.status)
    except DatabaseTrouble as trouble:
        log.error("an event could not be kept: %s", type(trouble).__name__)  # noqa: TRY400 # no outside text
        return _answer(503)
    return _answer(200)


def _answer(status: int) -> HttpResponse:
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == 503 else None
    answer = HttpResponse(status=status, content_type="text/plain", headers=headers)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # by us: Django's own line would double every log
    return answer


def _announced_length(request: HttpRequest) -> int:
    """How many bytes will come; nothing is read to find out."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if not announced:
        raise Refused(411, "no length")
    if not (announced.isascii() and announced.isdigit()):
        raise Refused(400, "malformed length")
    if len(announced) > 10 or int(announced) > LARGEST_SNAPSHOT:
        raise Refused(413, "too large")
    return int(announced)


def _claim(request: HttpRequest) -> signature.Claim:
    """What can be refused without reading the body is: no header that could be right, no moment that is now."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refused(400, "compressed")  # a small body could become an endless one
    try:
        return signature.read_header(request.headers.get("Stripe-Signature", ""), now=timezone.now())
    except signature.BadSignature as problem:
        raise Refused(400, str(problem)) from None


def _body(request: HttpRequest, length: int) -> bytes:
    """The raw body, exactly as long as announced; Django's own limit is not asked."""
    try:
        body = request.read(length + 1)
    except UnreadablePostError:
        raise Refused(400, "cut off") from None
    if len(body) != length:
        raise Refused(400, "cut off")
    return body


def _verified(claim: signature.Claim, body: bytes) -> str:
    try:
        return signature.secret_that_signed(claim, body)
    except signature.BadSignature as problem:
        raise Refused(400, str(problem)) from None


def _keep(read: reading.Reading, body: bytes, secret_name: str) -> None:
    """Store it. What PostgreSQL refuses to hold it will refuse for ever, so that Stripe need not try again."""
    try:
        _store(read, body, secret_name)
    except DataError:
        log.error("event %s cannot be kept: DataError", read.event_id)  # noqa: TRY400 # no outside text
        oddities.tell_of_unusable("the database cannot hold what it says", secret_name=secret_name)
        raise Refused(400, "cannot be kept") from None


def _store(read: reading.Reading, body: bytes, secret_name: str) -> None:
    """Not if somebody has just failed to: whoever waits behind a locked table keeps a thread from others."""
    if not _storing.may_try():
        raise DatabaseTrouble("Somebody has just failed to keep an event.")
    try:
        inbox.store(read, body, secret_name=secret_name)
    except (OperationalError, InterfaceError):
        _storing.arise()
        raise
    _storing.end()


def _read(body: bytes, secret_name: str) -> reading.Reading:
    """From here on the sender is Stripe, so that a body we cannot use is worth somebody's attention."""
    try:
        read = reading.read(body)
    except reading.UnreadableBody as problem:
        log.warning("a signed body is not an event: %s", problem)
        oddities.tell_of_unusable("its body is no event", secret_name=secret_name)
        raise Refused(400, "not an event") from None
    if read.livemode and signature.is_for_tests(secret_name):
        log.warning("a secret for tests signed a live event: %s", read.event_id)
        oddities.tell_of_unusable("it is a live event, and that secret is for tests", secret_name=secret_name)
        raise Refused(400, "live event of a test secret")
    if not read.is_snapshot and len(body) > LARGEST_THIN:
        log.warning("a signed notification is too large: %s", read.event_id)
        oddities.tell_of_unusable("it is a thin notification of more than 64 KB", secret_name=secret_name)
        raise Refused(413, "too large")
    return read
