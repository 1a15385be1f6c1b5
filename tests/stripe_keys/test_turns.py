"""Commands that want the same rows at the same moment take turns; the database need not end one as a deadlock."""

from collections.abc import Callable
from threading import Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from stripe_keys import lifecycle, reports, services
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from tests.locks import somebody_waits
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import LONG_AGO, paste
from tests.stripe_keys.rows import ACCOUNT, a_key
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def cross(first: Callable[[], object], command: Callable[[], object], then: Callable[[], object]) -> None:
    """In one transaction do `first`, let `command` begin elsewhere and come to wait for us, and do `then`."""
    problems: list[Exception] = []

    def run() -> None:
        try:
            command()
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    other = Thread(target=run)
    try:
        with transaction.atomic():
            first()
            other.start()
            eventually(somebody_waits)
            then()
    finally:
        other.join()
    assert problems == []


def test_paste_and_a_report_about_the_key_that_waits(ada: User) -> None:
    waiting = paste(ada, a_restricted_key())
    Validation.objects.all().delete()

    cross(
        lambda: lifecycle.locked(waiting),
        lambda: paste(ada, a_restricted_key()),
        lambda: lifecycle.request_validation(waiting, reason=Validation.Reason.EVENT, now=timezone.now()),
    )

    waiting.refresh_from_db()
    assert waiting.status == RestrictedKey.Status.REMOVED


def test_removal_and_a_report_of_the_uninstall(ada: User) -> None:
    key = a_key(ada)
    install = StripeInstall.objects.create(
        merchant=merchant_of(ada),
        stripe_account_id=ACCOUNT,
        livemode=False,
        proof=StripeInstall.Proof.MERCHANT,
        installed_at=LONG_AGO,
    )
    now = timezone.now()

    cross(
        lambda: StripeInstall.objects.select_for_update(of=("self",)).get(),
        lambda: services.remove(key=key, user=ada, now=now),
        lambda: lifecycle.locked(key),
    )

    key.refresh_from_db()
    install.refresh_from_db()
    assert (key.status, install.status) == ("removed", "uninstalled")


def test_takeover_and_a_report_about_every_key_of_the_account(ada: User) -> None:
    old = a_key(ada, "active", minutes_ago=60)
    new = a_key(ada, "pending", minutes_ago=30, stripe_account_id=ACCOUNT)

    cross(
        lambda: lifecycle.locked(new),
        lambda: reports.account_changed(stripe_account_id=ACCOUNT, livemode=False, now=timezone.now()),
        lambda: lifecycle.locked(old),
    )

    assert Validation.objects.checks().count() == 2
