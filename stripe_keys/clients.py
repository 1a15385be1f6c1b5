"""The door of the partner's engineers: a ready Stripe client for a merchant, or an exception that says why not.

    from stripe_keys.clients import stripe_client

    client = stripe_client(merchant=merchant, livemode=True, used_for="nightly invoice import")
    invoices = client.v1.invoices.list({"limit": 100})

Ask for a client where it is used and let it go; do not keep it. The key behind it may be replaced at any time.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Merchant
from stripe_keys import contradictions, gateway, lifecycle, purposes, quarantine, uninstalls, usage, vault
from stripe_keys.gateway import StripeClient, UseAThread
from stripe_keys.ledger import entries
from stripe_keys.models import (
    DEFAULT_PURPOSE,
    DatabaseRestore,
    PublishableKey,
    RestrictedKey,
    RestrictedKeyQuerySet,
    StripeInstall,
)
from stripe_keys.secret import Secret

__all__ = [
    "AppUninstalled",
    "KeyEnded",
    "KeyExpired",
    "KeyNotCheckedSinceRestore",
    "KeyNotProven",
    "KeyRemoved",
    "KeyRotatedAway",
    "KeySuspended",
    "KeyUnreadable",
    "NoKey",
    "NoPublishableKey",
    "NoUsableKey",
    "StripeClient",
    "UnknownPurpose",
    "UseAThread",
    "publishable_key",
    "stripe_client",
]


class NoUsableKey(Exception):
    """There is no key of this merchant, mode and purpose that may be used now; the subclass says why.

    `purpose` is the one that was asked for; the message names it too, unless it is the default.
    """

    purpose = DEFAULT_PURPOSE

    def __str__(self) -> str:
        said = super().__str__()
        return said if self.purpose == DEFAULT_PURPOSE else f"{said} (asked for: {self.purpose})"


class NoKey(NoUsableKey):
    """The merchant has never brought a key: invite them to connect Stripe."""


class UnknownPurpose(NoUsableKey):
    """The partner asks merchants for no key of that purpose, and this one has none: correct the name in your code."""


class NoPublishableKey(Exception):
    """The app has made none for the connected account (yet): it does where it makes the merchant's keys."""


class KeyNotProven(NoUsableKey):
    """The merchant's key is still being checked, or was rejected: wait, or let them look at its page."""


class KeySuspended(NoUsableKey):
    """Support has suspended the key: do not call Stripe for this merchant until they lift it."""


class KeyUnreadable(NoUsableKey):
    """The stored key does not open or is gone; the merchant has been asked to paste it again. Stop until they have."""


class KeyNotCheckedSinceRestore(NoUsableKey):
    """The database was restored and the key has not been checked since: a check is under way, try again soon."""


class KeyEnded(NoUsableKey):
    """The key has ended: stop, and let the merchant bring a new one; the subclass says what that takes.

    `ended_at` is the moment (aware, UTC) at which it ended here; `page` the address of this site to send the merchant
    to: there they see what has happened and what to do. Neither names the key.
    """

    def __init__(self, message: str = "", *, ended_at: datetime | None = None, page: str = "") -> None:
        super().__init__(message)
        self.ended_at, self.page = ended_at, page


class KeyExpired(KeyEnded):
    """Stripe has confirmed that the key is dead: the merchant makes or copies another one in Stripe."""


class KeyRotatedAway(KeyExpired):
    """The key was rotated and its overlap is over: the new key exists, the merchant only has to copy it here."""


class KeyRemoved(KeyEnded):
    """The merchant, or this site, ended the key on purpose: do not ask for it again of your own accord."""


class AppUninstalled(KeyEnded):
    """The app was uninstalled in Stripe, and the key ended with it: the merchant installs the app again first."""


def stripe_client(
    *,
    merchant: Merchant,
    livemode: bool,
    purpose: str = DEFAULT_PURPOSE,
    used_for: str = "partner code",
    max_network_retries: int = 2,
) -> StripeClient:
    """A client of the stable SDK that calls Stripe with the merchant's key; a limited key is handed out too.

    It is the key of that `purpose`, which is one of KEY_PURPOSES or the default, and never another one.

    The use is recorded (`used_for` is for the record) before the key is opened; if it cannot be, there is no client.
    Each request that is sent through it is counted (`stripe_keys.usage`), and one that Stripe refuses has the key
    checked at once.

    Raises:
        NoKey, UnknownPurpose, KeyNotProven, KeySuspended, KeyUnreadable, KeyNotCheckedSinceRestore: see their names.
        KeyEnded: as KeyExpired, KeyRotatedAway, KeyRemoved or AppUninstalled. All of them are NoUsableKey.
        VaultError: nothing can be opened now; try again later, and tell ops.
    """
    keys = RestrictedKey.objects.filter(merchant=merchant, livemode=livemode, purpose=purpose)
    try:
        key, secret = _taken(keys, used_for)
    except NoUsableKey as refusal:
        if isinstance(refusal, NoKey) and not purposes.is_defined(purpose):
            refusal = UnknownPurpose("It is not one of KEY_PURPOSES, and the merchant has no key of it.")
        refusal.purpose = purpose
        raise refusal from None
    return gateway.client_for(secret, max_network_retries=max_network_retries, tell=usage.note_taker(key))


def _taken(keys: RestrictedKeyQuerySet, used_for: str) -> tuple[RestrictedKey, Secret]:
    """The usable one of `keys`, with its text; that it was taken is on record."""
    try:
        with transaction.atomic():
            key = _usable(keys)
            lifecycle.record_use(key, actor="partner code", reason=used_for)
            return key, _opened(key)
    except vault.NothingStored:
        contradictions.settle(key=key, now=timezone.now())
        raise _why_not_any_more(keys) from None
    except vault.WillNotOpen:
        quarantine.quarantine(key=key, now=timezone.now())
        raise _unreadable(key) from None


def publishable_key(*, merchant: Merchant, livemode: bool) -> str:
    """The publishable key (`pk_…`) that the app made on the merchant's connected account, for code in browsers.

    It is no secret, and Stripe never ends it.

    Raises:
        NoPublishableKey: there is none; see its name.
    """
    accounts = StripeInstall.objects.filter(
        merchant=merchant, livemode=livemode, status=StripeInstall.Status.INSTALLED
    )
    made = PublishableKey.objects.filter(
        merchant=merchant, livemode=livemode, stripe_account_id__in=accounts.values("stripe_account_id")
    )
    key = made.order_by("-created_at").first()
    if key is None:
        raise NoPublishableKey("The app has made no publishable key of this mode.")
    return key.text


def _opened(key: RestrictedKey) -> Secret:
    if entries.was_erased(key):
        raise vault.NothingStored("The key was erased; whatever is stored for it now does not count.")
    return vault.decrypt(key)


def _unreadable(key: RestrictedKey) -> KeyUnreadable:
    return KeyUnreadable(f"{key.display} does not open; its merchant is asked to paste it again.")


def _why_not_any_more(keys: RestrictedKeyQuerySet) -> NoUsableKey:
    """Why the key that was there a moment ago cannot be had."""
    try:
        key = _usable(keys)
    except NoUsableKey as reason:
        return reason
    return KeyNotProven(f"{key.display} was stored this moment; ask again.")


def _usable(keys: RestrictedKeyQuerySet) -> RestrictedKey:
    key = keys.usable().select_related("merchant").first()
    if key is None:
        raise _why_not(keys)
    if key.suspended_at is not None:
        raise KeySuspended(f"{key.display} is suspended.")
    if key.quarantined_at is not None:
        raise _unreadable(key)
    restored_at = DatabaseRestore.objects.values_list("restored_at", flat=True).first()
    if restored_at is not None and (key.last_ok_at is None or key.last_ok_at < restored_at):
        raise KeyNotCheckedSinceRestore(
            f"{key.display} has not been checked since the database was restored."
        )
    return key


def _why_not(keys: RestrictedKeyQuerySet) -> NoUsableKey:
    last = keys.order_by("-created_at").first()
    if last is None:
        return NoKey("The merchant has not brought a key of this mode.")
    if last.status in (RestrictedKey.Status.PENDING, RestrictedKey.Status.REJECTED):
        return KeyNotProven(f"{last.display} is {last.get_status_display().lower()}.")
    return _end_of(last)


def _end_of(key: RestrictedKey) -> KeyEnded:
    if key.last_problem in (uninstalls.LEFT, uninstalls.CAME_BACK):
        kind: type[KeyEnded] = AppUninstalled
    elif key.status == RestrictedKey.Status.EXPIRED:
        kind = KeyExpired if key.rotated_at is None else KeyRotatedAway
    else:
        kind = KeyRemoved
    moves = key.status_changes.filter(to_status=key.status).exclude(from_status=key.status)
    return kind(
        f"{key.display} is {key.get_status_display().lower()}.",
        ended_at=moves.values_list("at", flat=True).first(),
        page=settings.SITE_URL + reverse("stripe_keys:key_detail", args=[key.pk]),
    )
