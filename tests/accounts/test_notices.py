"""Mails to merchants: once, to everybody who proved their address, whenever the mail server is there."""

from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from accounts import notices
from accounts.models import Merchant, Notice, User
from accounts.tasks import drain_notices
from tests import people
from tests.accounts.conftest import MailServer

pytestmark = pytest.mark.django_db(transaction=True)


def tell(merchant: Merchant, dedupe_key: str = "key-1-rotated") -> None:
    notices.tell(
        merchant=merchant,
        subject="Your key\nwas rotated",
        body="Bring the new one:\n\nhttp://127.0.0.1:8000/stripe/keys/",
        dedupe_key=dedupe_key,
    )


def make_due(notice: Notice) -> None:
    Notice.objects.filter(pk=notice.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def test_every_member_gets_the_mail(ben: User, adas_merchant: Merchant, mail_server: MailServer) -> None:
    mail_server.start()
    tell(adas_merchant)

    drain_notices(str(adas_merchant.pk))

    [mail] = mail_server.mails
    assert mail["To"] == "ada@example.com, ben@example.com"
    assert mail["Subject"] == "Your key was rotated"
    assert Notice.objects.get().state == Notice.State.DONE


def test_the_mail_reads_as_text_and_as_html(adas_merchant: Merchant, mail_server: MailServer) -> None:
    mail_server.start()
    tell(adas_merchant)
    drain_notices(str(adas_merchant.pk))

    plain, rich = mail_server.mails[0].iter_parts()

    assert "Hello Ada's Lamps," in plain.get_content()
    assert "http://127.0.0.1:8000/stripe/keys/" in plain.get_content()
    assert "Hello Ada&#x27;s Lamps," in rich.get_content()
    assert '<a href="http://127.0.0.1:8000/stripe/keys/"' in rich.get_content()


def test_a_merchants_own_words_cannot_become_html(ada: User, mail_server: MailServer) -> None:
    mail_server.start()
    merchant = people.merchant_of(ada)
    merchant.name = "<script>alert(1)</script>"
    merchant.save()
    tell(merchant)

    drain_notices(str(merchant.pk))

    assert "<script>" not in list(mail_server.mails[0].iter_parts())[1].get_content()


def test_who_has_not_proven_their_address_is_not_told(
    ada: User, ben: User, adas_merchant: Merchant, mail_server: MailServer
) -> None:
    mail_server.start()
    EmailAddress.objects.filter(user=ben).update(verified=False)
    tell(adas_merchant)

    drain_notices(str(adas_merchant.pk))

    assert mail_server.mails[0]["To"] == "ada@example.com"


def test_another_merchant_is_not_told(eve: User, adas_merchant: Merchant, mail_server: MailServer) -> None:
    mail_server.start()
    tell(adas_merchant)

    drain_notices()

    assert "eve@example.com" not in str(mail_server.mails)
    assert len(mail_server.mails) == 1


def test_a_mail_server_that_is_down_postpones_and_loses_nothing(
    adas_merchant: Merchant, mail_server: MailServer
) -> None:
    tell(adas_merchant)
    drain_notices(str(adas_merchant.pk))
    waiting = Notice.objects.get()

    mail_server.start()
    make_due(waiting)
    drain_notices(str(adas_merchant.pk))

    assert (waiting.state, waiting.attempts) == (Notice.State.WAITING, 0)
    assert waiting.problem == "ConnectionRefusedError"
    assert waiting.due_at > timezone.now()
    assert len(mail_server.mails) == 1
    assert Notice.objects.get().state == Notice.State.DONE


def test_a_full_mailbox_postpones_too(adas_merchant: Merchant, mail_server: MailServer) -> None:
    mail_server.start()
    mail_server.refusal = "452 Too much mail"
    tell(adas_merchant)

    drain_notices(str(adas_merchant.pk))

    assert Notice.objects.get().state == Notice.State.WAITING


def test_after_a_week_of_silence_the_notice_is_left_to_ops(
    adas_merchant: Merchant, mail_server: MailServer
) -> None:
    tell(adas_merchant)
    Notice.objects.update(created_at=timezone.now() - timedelta(days=8))

    drain_notices(str(adas_merchant.pk))

    assert Notice.objects.get().state == Notice.State.DEAD


def test_a_merchant_whom_nobody_can_be_told_ends_visibly(
    adas_merchant: Merchant, mail_server: MailServer
) -> None:
    EmailAddress.objects.update(verified=False)
    tell(adas_merchant)

    drain_notices(str(adas_merchant.pk))

    notice = Notice.objects.get()
    assert (notice.state, notice.problem) == (Notice.State.DEAD, "NobodyToTell")


def test_the_same_thing_said_twice_is_heard_once(adas_merchant: Merchant) -> None:
    tell(adas_merchant)
    with transaction.atomic():
        tell(adas_merchant)
        adas_merchant.name = "still a usable transaction"
        adas_merchant.save()

    assert Notice.objects.count() == 1
    assert Merchant.objects.get(pk=adas_merchant.pk).name == "still a usable transaction"


def tell_daily(merchant: Merchant, now: datetime, about: str = "limited:1:payout_read") -> None:
    notices.tell_at_most_daily(merchant=merchant, subject="Again", body="Again.", about=about, now=now)


def sent(now: datetime) -> int:
    """How many notices have gone out by then."""
    Notice.objects.filter(due_at__lte=max(now, timezone.now())).update(state=Notice.State.DONE)
    return Notice.objects.filter(state=Notice.State.DONE).count()


def test_what_comes_and_goes_is_told_once_a_day(adas_merchant: Merchant) -> None:
    now = timezone.now()
    for minutes in range(0, 100, 10):
        tell_daily(adas_merchant, now + timedelta(minutes=minutes))
        sent(now)

    assert sent(now + timedelta(hours=23)) == 1
    assert sent(now + timedelta(hours=24)) == 2, "it still holds"
    assert Notice.objects.count() == 2


def test_what_is_over_by_then_is_not_told_again(adas_merchant: Merchant) -> None:
    now = timezone.now()
    tell_daily(adas_merchant, now)
    sent(now)
    tell_daily(adas_merchant, now + timedelta(hours=1))
    tell_daily(adas_merchant, now, about="limited:1:payout_read+plan_read")

    notices.take_back("limited:1:payout_read@")

    assert sent(now + timedelta(days=2)) == 2
    assert set(Notice.objects.values_list("state", flat=True)) == {Notice.State.DONE}


def test_the_same_weeks_later_is_told_at_once(adas_merchant: Merchant) -> None:
    now = timezone.now()
    tell_daily(adas_merchant, now - timedelta(days=20))
    sent(now)

    tell_daily(adas_merchant, now)

    assert sent(now) == 2


@pytest.mark.parametrize("went_out", [True, False], ids=["went out", "waits"])
def test_clock_that_was_years_ahead_silences_nothing(adas_merchant: Merchant, went_out: bool) -> None:
    now = timezone.now()
    later = now + timedelta(days=3650)
    tell_daily(adas_merchant, later)
    if went_out:
        assert sent(later) == 1
    else:
        Notice.objects.update(due_at=later)

    tell_daily(adas_merchant, now)

    assert sent(now) == 1 + went_out
    assert not Notice.objects.filter(state=Notice.State.WAITING).exists()


def test_what_is_delayed_waits_and_can_be_taken_back(
    adas_merchant: Merchant, mail_server: MailServer
) -> None:
    mail_server.start()
    notices.tell(
        merchant=adas_merchant, subject="S", body="B", dedupe_key="later:1", delay=timedelta(minutes=1)
    )

    drain_notices(str(adas_merchant.pk))
    notices.take_back("later:")

    assert (mail_server.mails, Notice.objects.count()) == ([], 0)


def test_what_was_rolled_back_is_not_told(adas_merchant: Merchant) -> None:
    with transaction.atomic():
        tell(adas_merchant)
        transaction.set_rollback(True)

    assert Notice.objects.count() == 0
