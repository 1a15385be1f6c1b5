"""What a merchant is told by mail. A notice is a row first: it waits until the mail server has taken it."""

import smtplib
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Merchant, Notice, User
from work.bell import ring_on_commit
from work.engine import GiveUp, Postpone, Queue, problem_of
from work.pool import connection_to_pool

QUEUE_NAME = "notices"
OPS_LANE = "ops"
GIVE_UP_AFTER = timedelta(days=7)
AT_MOST_EVERY = timedelta(days=1)
# A moment as late as this is of a clock that was wrong when it was written.
_BEYOND = AT_MOST_EVERY + timedelta(minutes=5)
_MOMENT = "%Y%m%dT%H%M%S"
_SHORTEST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(minutes=10)


def tell(
    *,
    merchant: Merchant,
    subject: str,
    body: str,
    dedupe_key: str,
    now: datetime | None = None,
    delay: timedelta = timedelta(),
) -> None:
    """Mail everybody of `merchant`, once per `dedupe_key`, as part of the caller's transaction.

    `body` is plain text: paragraphs with an empty line between, addresses written out. Neither it nor the subject may
    hold a secret. Nothing is sent here; the mail goes out after the commit, or once the mail server is back, and not
    before `delay` has passed since `now`: until it is sent, `take_back` can stop it.
    """
    lane = str(merchant.pk)
    notice = Notice(
        lane=lane,
        merchant=merchant,
        subject=" ".join(subject.split())[:200],
        body=body.strip(),
        dedupe_key=dedupe_key,
    )
    if now is not None:
        notice.created_at = now
    if delay > timedelta():
        notice.due_at = (now or timezone.now()) + delay
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    ring_on_commit(QUEUE_NAME, lane)


def tell_at_most_daily(*, merchant: Merchant, subject: str, body: str, about: str, now: datetime) -> None:
    """Mail as `tell` does; of the same thing, by what it is `about`, no second mail goes out within AT_MOST_EVERY.

    What is told again sooner waits until then, as one mail however often it was told, and is not sent if it has been
    taken back by then. So trouble that comes and goes makes one mail a day at most, trouble that stays is told, and
    the same trouble weeks later is told again.
    """
    with connection.cursor() as cursor:  # two that tell the same take turns, until their transactions end
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [about])
    about = f"{about[:180]}@"
    told = Notice.objects.filter(dedupe_key__startswith=about)
    told.filter(state=Notice.State.WAITING, due_at__gt=now + _BEYOND).delete()
    moments = list(told.values_list("state", "dedupe_key"))
    if any(state == Notice.State.WAITING for state, _ in moments):
        return
    sent = [datetime.strptime(mark.removeprefix(about), _MOMENT).replace(tzinfo=UTC) for _, mark in moments]
    due_at = max([now, *(one + AT_MOST_EVERY for one in sent if one <= now + _BEYOND)]).astimezone(UTC)
    tell(
        merchant=merchant,
        subject=subject,
        body=body,
        dedupe_key=f"{about}{due_at.strftime(_MOMENT)}",
        now=now,
        delay=due_at - now,
    )


def take_back(*beginnings: str) -> None:
    """Drop what waits to be sent, by the beginnings of its dedupe keys: it is no longer true, or of no use any more."""
    waiting = Notice.objects.filter(state=Notice.State.WAITING)
    waiting.filter(reduce(or_, [Q(dedupe_key__startswith=one) for one in beginnings])).delete()


def tell_ops(*, subject: str, body: str, dedupe_key: str) -> None:
    """Mail OPS_ALERT_ADDRESSES in the same way; without any, the row stands in the ops desk and nobody is mailed."""
    notice = Notice(
        lane=OPS_LANE, subject=" ".join(subject.split())[:200], body=body.strip(), dedupe_key=dedupe_key
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    ring_on_commit(QUEUE_NAME, OPS_LANE)


def send(notice: Notice) -> None:
    """Send one notice to all its readers, as one mail with a Message-ID that stays the same.

    While the mail server is away the notice waits, up to GIVE_UP_AFTER; a server that refuses it for good counts as a
    failed attempt.
    """
    merchant = notice.merchant
    addresses = members_addresses(merchant) if merchant is not None else list(settings.OPS_ALERT_ADDRESSES)
    if not addresses:
        raise GiveUp("NobodyToTell")
    mail = _mail(notice, addresses)
    connection_to_pool()
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused:
        raise
    except smtplib.SMTPResponseException as answer:
        if answer.smtp_code >= 500:
            raise
        _wait(notice, answer)
    except OSError as problem:  # smtplib's other exceptions are OSErrors too
        _wait(notice, problem)


def members_addresses(merchant: Merchant) -> list[str]:
    """The verified main addresses of the merchant's active users, oldest member first."""
    members = User.objects.filter(
        membership__merchant=merchant, is_active=True, emailaddress__primary=True, emailaddress__verified=True
    )
    return list(members.order_by("membership__pk").values_list("emailaddress__email", flat=True))


def _mail(notice: Notice, addresses: list[str]) -> EmailMultiAlternatives:
    context = {"notice": notice, "site_name": settings.SITE_NAME, "site_url": settings.SITE_URL}
    mail = EmailMultiAlternatives(
        subject=notice.subject,
        body=render_to_string("accounts/mail/notice.txt", context),
        to=addresses,
        headers={"Message-ID": f"<notice-{notice.pk}@{settings.SITE_HOST}>"},
    )
    mail.attach_alternative(render_to_string("accounts/mail/notice.html", context), "text/html")
    return mail


def _wait(notice: Notice, problem: Exception) -> None:
    """Postpone, longer the longer it has lasted; after days of it leave the row to ops, who can revive it."""
    age = timezone.now() - notice.created_at
    if age > GIVE_UP_AFTER:
        raise GiveUp(problem_of(problem)) from None
    raise Postpone(min(max(age / 4, _SHORTEST_WAIT), _LONGEST_WAIT), problem_of(problem)) from None


QUEUE = Queue(
    name=QUEUE_NAME,
    model=Notice,
    process=send,
    task_name="accounts.tasks.drain_notices",
    lease=timedelta(seconds=90),
    takes_over_early=False,
)
