"""Every page of the ops desk, walked: it opens for ops, for nobody else, and shows nothing secret."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from html import escape

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Merchant, User
from accounts.services import ensure_user, make_staff
from stripe_keys.ledger import entries
from stripe_keys.models import (
    AccountPace,
    DatabaseRestore,
    KeyManagement,
    KeyUse,
    Minting,
    OutgoingMessage,
    PartnerEndpoint,
    PermissionCheck,
    PublishableKey,
    RestrictedKey,
    Retirement,
    SecretKeyMigration,
    StripeIncident,
    Validation,
)
from tests import people
from tests.stripe_keys.keys import bind_account, paste
from tests.webhooks.deliveries import a_notification, a_snapshot, deliver_event
from webhooks import reconciling
from webhooks.models import AccountCursor
from work.models import PeriodicSlot, WorkerHeartbeat

OPS_MODELS = {
    "stripe_keys": {
        "restrictedkey",
        "secretkeymigration",
        "stripeinstall",
        "validation",
        "statuschange",
        "keyuse",
        "keyusage",
        "keysubmission",
        "merchantdatakey",
        "sitedatakey",
        "ledgerentry",
        "databaserestore",
        "vaultaudit",
        "stripeincident",
        "accountpace",
        "outgoingmessage",
        "partnerendpoint",
        "keymanagement",
        "minting",
        "retirement",
        "publishablekey",
    },
    "webhooks": {
        "accountcursor",
        "reconciliation",
        "conflictingdelivery",
        "eventnotification",
        "eventreplay",
        "signingsecretuse",
    },
    "work": {"periodicslot", "workerheartbeat"},
}
NOT_FOR_PAGES = "sealed-and-not-for-pages"
NEVER_SHOWN = {"keyenvelope", "kekcanary", "installstate", "authenticator", "session"}
# Each word of a search is looked for by itself.
SEARCHES = ("ada", "acct_1AdasAccount0000", f"% ' {'x' * 500} evt_1 🙂")


@pytest.fixture
def token() -> str:
    """Ada's key."""
    return people.a_restricted_key()


@pytest.fixture
def full_desk(ada: User, token: str) -> RestrictedKey:
    """A row of everything that the ops desk shows."""
    bind_account(ada, "acct_1AdasAccount0000")
    key = paste(ada, token, remote_address="127.0.0.1")
    KeyUse.objects.create(key=key, actor="validation worker", reason="Key added")
    key.usage.create(day="2026-07-01", method="GET", template="/v1/charges", outcome="ok", count=3)
    check = Validation.objects.get(key=key)
    PermissionCheck.objects.create(
        key_id=check.key_id, validation=check, permission="customer_read", outcome="missing"
    )
    deliver_event(
        a_notification(context="acct_1AdasAccount0000", reason={"note": "<script>alert(1)</script>"})
    )
    deliver_event(a_snapshot(account="acct_1AdasAccount0000"))
    PeriodicSlot.objects.create(job="plan-due-checks", slot=timezone.now(), lane="plan-due-checks")
    entries.note_key_erased(key, status="removed", reason="The merchant removed it.")
    DatabaseRestore.objects.create(keys_erased=1)
    StripeIncident.objects.create(kind="refusals", evidence="3 of 3")
    OutgoingMessage.objects.create(
        message_id="msg_1", endpoint="ledger", type="endpoint.test", body="{}", lane="ledger/0"
    )
    PartnerEndpoint.objects.create(name="ledger", failures=3, failing_since=timezone.now())
    AccountPace.objects.create(merchant=key.merchant, livemode=True, troubles=3)
    SecretKeyMigration.objects.create(merchant=key.merchant, livemode=True, last4="4dea")
    rows_of_managed_keys(key)
    reconciling.begin(options=reconciling.Options())
    AccountCursor.objects.create(stripe_account_id="acct_1AdasAccount0000", livemode=False)
    WorkerHeartbeat.objects.create(name="celery@here:1", host="here", pid=1, beat_at=timezone.now())
    return key


def rows_of_managed_keys(key: RestrictedKey) -> None:
    """What the app makes and ends, with what must not be shown of it."""
    about = {
        "merchant": key.merchant,
        "livemode": False,
        "stripe_account_id": "acct_1AdasAccount0000",
    }
    management = KeyManagement.objects.create(**about)
    Minting.objects.create(
        lane="1",
        management=management,
        reason="asked",
        body={"public_key": NOT_FOR_PAGES},
        delivery_key=NOT_FOR_PAGES,
        delivered=NOT_FOR_PAGES,
    )
    Retirement.objects.create(
        lane="1", stripe_key_id="mk_1OfAda", cause="removed", sealed=NOT_FOR_PAGES, **about
    )
    PublishableKey.objects.create(stripe_key_id="mk_2OfAda", text="pk_test_OfAda", **about)


def shown_forms_of(stored: bytes) -> set[str]:
    """How a page could show bytes."""
    return {stored.hex(), base64.b64encode(stored).decode(), escape(str(stored))}


def pages(*, rows: int = 3) -> Iterator[str]:
    """The address of every list, and of the pages of its first rows and their histories."""
    yield reverse("admin:index")
    yield reverse("admin:leak_desk")
    yield reverse("admin:leak_found") + "?read=1&ends=aB3d&shortened=1"
    for label in {model._meta.app_label for model in admin.site._registry}:
        yield reverse("admin:app_list", args=[label])
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for row in model._base_manager.all()[:rows]:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def test_the_desk_has_exactly_these_pages() -> None:
    registered = {(model._meta.app_label, str(model._meta.model_name)) for model in admin.site._registry}

    for label, names in OPS_MODELS.items():
        assert {name for app, name in registered if app == label} == names
    assert not {name for _, name in registered} & NEVER_SHOWN


def test_every_page_opens_for_ops_and_shows_nothing_secret(
    olgas_browser: Client, full_desk: RestrictedKey, token: str
) -> None:
    secrets = {
        token,
        token[8:],
        bytes(full_desk.fingerprint).hex(),
        bytes(full_desk.envelope.envelope).hex(),
        *shown_forms_of(bytes(full_desk.envelope.data_key.wrapped)),
        settings.SECRET_KEY,
        settings.STRIPE_PLATFORM_KEY_TEST,
        settings.STRIPE_PLATFORM_KEY_LIVE,
        *(entry.partition(":")[2] for entry in settings.STRIPE_WEBHOOK_SECRETS),
        *(entry.partition(":")[2] for entry in settings.KEY_ENCRYPTION_KEYS),
        people.TOTP_SECRET,
        NOT_FOR_PAGES,
    }
    for page in pages():
        answer = olgas_browser.get(page, follow=True)

        assert answer.status_code == 200, page
        text = answer.content.decode()
        assert not [secret for secret in secrets if secret and secret in text], page
        assert "<script>alert" not in text, page
        assert "fingerprint" not in text.replace("keyed fingerprint that is kept of each", ""), page


def test_every_list_can_be_searched_for_anything(olgas_browser: Client, full_desk: RestrictedKey) -> None:
    for model, page in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for search in SEARCHES if page.search_fields else SEARCHES[:1]:
            assert olgas_browser.get(address, {"q": search}).status_code == 200, (model, search)


def test_every_page_stays_shut_for_strangers_merchants_and_staff_without_a_second_factor(
    full_desk: RestrictedKey, eves_browser: Client
) -> None:
    hasty = ensure_user(email="hasty@example.com", password=people.PASSWORD)
    make_staff(user=hasty, superuser=True)
    browsers = [Client(), eves_browser, people.a_client_of(hasty)]

    answers = {browser.get(page).status_code for page in pages(rows=1) for browser in browsers}

    assert answers <= {302, 403, 404}


def test_every_row_stays_shut_for_staff_without_rights(full_desk: RestrictedKey) -> None:
    newcomer = people.an_ops_person("newcomer@example.com")
    newcomer.groups.clear()
    User.objects.filter(pk=newcomer.pk).update(is_superuser=False)
    browser = people.a_client_of(newcomer, second_factor=True)

    answers = {
        page: browser.get(page).status_code for page in pages(rows=1) if page != reverse("admin:index")
    }

    assert set(answers.values()) <= {403, 404}


def test_merchants_do_not_even_reach_the_sign_in_of_the_desk(adas_browser: Client) -> None:
    assert adas_browser.get(reverse("admin:index"), follow=True).status_code == 403


def test_lists_need_few_queries_however_many_rows_there_are(
    olgas_browser: Client,
    full_desk: RestrictedKey,
    adas_merchant: Merchant,
    django_assert_max_num_queries: object,
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert olgas_browser.get(address).status_code == 200
        return len(seen)

    names = [f"admin:{app}_{name}_changelist" for app, models in OPS_MODELS.items() for name in models]
    few = {name: queries(reverse(name)) for name in names}
    for number in range(5):
        key = RestrictedKey.objects.create(
            merchant=adas_merchant, livemode=False, status="removed", last4=f"{number:04}", fingerprint=b"x"
        )
        for _ in range(2):
            KeyUse.objects.create(key=key, actor="x", reason="x")
            key.usage.create(day="2026-07-01", method="GET", template=people.some_letters(8), outcome="ok")
            Validation.objects.create(
                key=key, merchant=adas_merchant, lane=str(adas_merchant.pk), reason="periodic"
            )
            key.status_changes.create(to_status="removed", actor="x", reason="x")
        deliver_event(a_notification())
        PeriodicSlot.objects.create(
            job="plan-due-checks", slot=timezone.now() - timedelta(hours=number + 1), lane="x"
        )

    assert {name: queries(reverse(name)) for name in names} == few
