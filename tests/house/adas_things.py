"""Everything that can be Ada's in the database, and whether an answer shows any of it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Merchant, User
from accounts.notices import tell
from accounts.second_factors import set_up_totp
from stripe_keys import installs, lifecycle, services
from stripe_keys.ledger import entries
from stripe_keys.models import (
    AccountPace,
    KeyManagement,
    Minting,
    OutgoingMessage,
    PermissionCheck,
    PublishableKey,
    RestrictedKey,
    Retirement,
    SecretKeyMigration,
    StripeInstall,
    Validation,
)
from stripe_keys.secret import Secret
from tests import people
from webhooks import reconciling
from webhooks.models import AccountCursor, ConflictingDelivery, EventNotification

ACCOUNTS = {False: "acct_1OfAdaInTestMode", True: "acct_1OfAdaInLiveMode"}

Rows = dict[tuple[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class AdasThings:
    """Ada's rows, and the words by which a page would give them away."""

    merchant: Merchant
    key_ids: tuple[str, ...]
    marks: tuple[str, ...]
    rows: Rows

    def shown_in(self, response: Any, *, asked_for: str) -> list[str]:
        """The marks that this answer, headers included, shows, apart from what the visitor brought along."""
        told = response.getvalue().decode("utf-8", "replace") + str(response.headers)
        return [mark for mark in self.marks if mark != asked_for and (mark in told or escape(mark) in told)]

    def changed(self) -> list[str]:
        """The rows that are no longer what they were, or are gone."""
        now = every_row()
        return [f"{table} {pk}" for (table, pk), row in self.rows.items() if now.get((table, pk)) != row]


def bring_adas_things(ada: User) -> AdasThings:
    """Give Ada one of everything: second factor, installs, keys, checks, history, notices, events."""
    merchant, now = people.merchant_of(ada), timezone.now()
    set_up_totp(user=ada, secret=people.TOTP_SECRET)
    installs.install_url(merchant=merchant, user=ada, livemode=True, now=now)
    keys = [_a_key(ada, livemode=livemode) for livemode in (False, True)]
    waiting = Secret(people.a_restricted_key())
    asked = services.add_key(merchant=merchant, user=ada, secret=waiting, now=now).key
    RestrictedKey.objects.filter(pk=asked.pk).update(
        awaits_account_confirmation=True, stripe_account_id="acct_1OfAdaUnconfirmed"
    )
    _an_event(ACCOUNTS[False])
    AccountCursor.objects.create(stripe_account_id=ACCOUNTS[False], livemode=False, listed_until=now)
    reconciling.begin(options=reconciling.Options(), account=ACCOUNTS[False])
    tell(merchant=merchant, subject="For Ada alone", body="For Ada alone.", dedupe_key="walk")
    _what_the_app_makes(merchant)
    entries.note_key_erased(keys[0], status="removed", reason="The merchant removed it.")
    SecretKeyMigration.objects.create(
        merchant=merchant, livemode=False, last4="AdA4", stripe_key_id="mk_1OfAdasOldSecretKey"
    )
    body = f'{{"data":{{"merchant_id":"{merchant.pk}"}}}}'
    OutgoingMessage.objects.create(
        message_id="msg_OfAda", endpoint="ledger", type="restricted_key.active", body=body, lane="ledger/0"
    )
    own = [str(key.pk) for key in (*keys, asked)]
    marks = [ada.email, merchant.name, str(merchant.pk), *own, *ACCOUNTS.values(), "acct_1OfAdaUnconfirmed"]
    marks += [
        "For Ada alone",
        "mk_1OfAdasOldSecretKey",
        "OfAdaForBrowsers",
        "mk_OfAdaEnded",
        *(key.display for key in (*keys, asked)),
    ]
    return AdasThings(merchant, tuple(own), tuple(marks), every_row())


def _a_key(ada: User, *, livemode: bool) -> RestrictedKey:
    """An active key that was checked, of an install that was seen."""
    merchant, now, account = people.merchant_of(ada), timezone.now(), ACCOUNTS[livemode]
    installs.bind(
        merchant=merchant,
        stripe_account_id=account,
        livemode=livemode,
        proof=StripeInstall.Proof.SIGNED_RETURN,
        now=now,
    )
    secret = Secret(people.a_restricted_key(livemode=livemode))
    key = services.add_key(merchant=merchant, user=ada, secret=secret, now=now).key
    RestrictedKey.objects.filter(pk=key.pk).update(
        status=RestrictedKey.Status.ACTIVE, stripe_account_id=account
    )
    lifecycle.record_use(key, actor="validation worker", reason="Added")
    AccountPace.objects.create(merchant=merchant, livemode=livemode, troubles=3)
    key.usage.create(day=now.date(), method="GET", template="/v1/charges", outcome="ok", count=3)
    PermissionCheck.objects.create(
        key=key, validation=Validation.objects.get(key=key), permission="charge_read", outcome="granted"
    )
    return key


def _what_the_app_makes(merchant: Merchant) -> None:
    """The app makes her test keys: one is on its way, one has ended, and one is for browsers."""
    place = {"livemode": False, "stripe_account_id": ACCOUNTS[False]}
    management = KeyManagement.objects.create(merchant=merchant, **place)
    Minting.objects.create(management=management, reason=Minting.Reason.FIRST, lane=str(merchant.pk))
    Retirement.objects.create(
        merchant=merchant, stripe_key_id="mk_OfAdaEnded", cause="replaced", lane=str(merchant.pk), **place
    )
    PublishableKey.objects.create(
        merchant=merchant, stripe_key_id="mk_OfAdaPublic", text="pk_test_OfAdaForBrowsers", **place
    )


def _an_event(account: str) -> None:
    body = '{"object": "v2.core.event"}'
    event = EventNotification.objects.create(
        event_id="evt_test_OfAda",
        lane=account,
        type="v2.iam.api_key.updated",
        payload=EventNotification.Payload.THIN,
        livemode=False,
        stripe_account_id=account,
        secret_name="thin",
        body=body,
        body_sha256=sha256(body.encode()).digest(),
    )
    ConflictingDelivery.objects.create(
        event=event, body_sha256=sha256(b"").digest(), size=9, stripe_account_id=account, secret_name="thin"
    )


def every_row() -> Rows:
    """Every row of every table of the site."""
    found: Rows = {}
    for model in apps.get_models():
        for row in model._base_manager.values():
            found[model._meta.db_table, row[model._meta.pk.attname]] = row
    return found
