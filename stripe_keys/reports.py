"""What follows from Stripe's reports of keys; of installs, see `install_reports`.

A report is a hint: it names a key or an account, no more.

Each command finds our rows, notes what Stripe said and has them checked, so that reports may come in any order, twice,
late or not at all. A report about an account or key that we do not hold changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from stripe_keys import endings, lifecycle, mails, minting_rows, outgoing, survey_rows
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from stripe_keys.secret_key_migration import SaidBy, stripe_ended

_FOR_EVER = "Stripe says that it has no date any more on which it expires."


def has_account(stripe_account_id: str, *, livemode: bool) -> bool:
    """Whether any merchant who is not closed has, or had, something of that account and mode."""
    about = {
        "stripe_account_id": stripe_account_id,
        "livemode": livemode,
        "merchant__closed_at__isnull": True,
    }
    return StripeInstall.objects.filter(**about).exists() or RestrictedKey.objects.filter(**about).exists()


def known_accounts(accounts: Iterable[tuple[str, bool]]) -> set[tuple[str, bool]]:
    """Those of the accounts, each with its mode, for which `has_account` holds."""
    asked = set(accounts)
    about = {"stripe_account_id__in": {account for account, _ in asked}, "merchant__closed_at__isnull": True}
    names = ("stripe_account_id", "livemode")
    installed = StripeInstall.objects.filter(**about).values_list(*names)
    return asked & set(installed.union(RestrictedKey.objects.filter(**about).values_list(*names)))


def kept_key_ids(accounts: Iterable[tuple[str, bool]]) -> set[tuple[str, bool, str]]:
    """Account, mode and id at Stripe, as far as it is known, of all kept keys of these accounts, each with its mode."""
    asked = set(accounts)
    kept = RestrictedKey.objects.kept().filter(stripe_account_id__in={account for account, _ in asked})
    rows = kept.values_list("stripe_account_id", "livemode", "stripe_key_id")
    return {row for row in rows if row[2] and row[:2] in asked}


def lock_keys(*, stripe_account_id: str, livemode: bool) -> None:
    """Before several reports of an account are followed in one transaction: lock its kept keys, in everybody's order.

    Each report locks only its own keys, so that two of them, one after the other, might meet somebody who goes the
    other way round.
    """
    keys = RestrictedKey.objects.kept().locked_in_turn()
    list(keys.filter(stripe_account_id=stripe_account_id, livemode=livemode).values_list("pk"))


@transaction.atomic(savepoint=False)
def key_rotated(
    *,
    stripe_account_id: str,
    livemode: bool,
    stripe_key_id: str,
    new_stripe_key_id: str,
    expires_at: datetime | None,
    reported_at: datetime,
    now: datetime,
) -> int:
    """Stripe replaced a key by another: tell the merchant to bring the new one, and check the old one.

    In place of a key of its own the app makes another by itself, unless it was the app that had it rotated.
    Keys whose own id is not known are checked too, as it may be one of them.

    Returns:
        How many of our keys are of that id.
    """
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        if key.stripe_key_id != stripe_key_id:
            look_again(key, now)
            continue
        if key.rotated_at is None or key.rotated_at < reported_at:
            key.rotated_at, key.successor_stripe_key_id = reported_at, new_stripe_key_id
            key.expires_at = expires_at or key.expires_at  # what is known stays
            key.save(update_fields=["rotated_at", "successor_stripe_key_id", "expires_at"])
            lifecycle.record(key, actor="Stripe", reason="The key was rotated at Stripe.")
            outgoing.tell_ending(key, code="rotated")
            minting_rows.key_was_rotated(key, now)
            if not endings.is_renewed(key):
                mails.tell_rotated(key, now)
        elif key.rotated_at == reported_at and expires_at is not None:
            _note_end([key], stripe_key_id, expires_at)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
        if expires_at is not None and expires_at > now:
            RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=expires_at + timedelta(seconds=1))
    return sum(key.stripe_key_id == stripe_key_id for key in keys)


@transaction.atomic(savepoint=False)
def key_will_end(
    *, stripe_account_id: str, livemode: bool, stripe_key_id: str, expires_at: datetime | None, now: datetime
) -> int:
    """Stripe says when a key will end, or that it will not: note it, for its page and the reminders.

    Of a rotated key nothing is taken back: its end is only ever learned.

    Returns:
        How many of our keys this concerned.
    """
    return _note_end(_kept_keys(stripe_account_id, livemode, stripe_key_id), stripe_key_id, expires_at)


def _note_end(kept: list[RestrictedKey], stripe_key_id: str, expires_at: datetime | None) -> int:
    keys = [
        key
        for key in kept
        if key.stripe_key_id == stripe_key_id and key.expires_at != expires_at
        if expires_at is not None or key.rotated_at is None
    ]
    for key in keys:
        RestrictedKey.objects.filter(pk=key.pk).update(expires_at=expires_at)
        key.expires_at = expires_at
        outgoing.tell_ending(key, code="expiry_announced" if expires_at else "expiry_withdrawn")
        what = f"Stripe says that it expires on {endings.written(expires_at)}." if expires_at else _FOR_EVER
        lifecycle.record(key, actor="Stripe", reason=what)
        if expires_at is not None:
            RestrictedKey.objects.filter(pk=key.pk, next_check_at__gt=expires_at).update(
                next_check_at=expires_at + timedelta(seconds=1)
            )
    return len(keys)


@transaction.atomic(savepoint=False)
def key_expired(
    *,
    stripe_account_id: str,
    livemode: bool,
    stripe_key_id: str,
    now: datetime,
    said_by: SaidBy | None = None,
) -> int:
    """Stripe ended a key: confirm it with the key itself, or note that a merchant's old secret key is dead.

    Returns:
        How many of our keys, and of the old ones that merchants have named, this concerned.
    """
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        if key.stripe_key_id == stripe_key_id:
            lifecycle.request_validation(key, reason=Validation.Reason.EXPIRY_EVENT, now=now)
        else:
            look_again(key, now)
    if said_by is None:
        return len(keys)
    return len(keys) + stripe_ended(
        stripe_account_id=stripe_account_id,
        livemode=livemode,
        stripe_key_id=stripe_key_id,
        said_by=said_by,
        now=now,
    )


@transaction.atomic(savepoint=False)
def key_changed(
    *,
    stripe_account_id: str,
    livemode: bool,
    stripe_key_id: str,
    what: str,
    new_rights: bool,
    now: datetime,
    is_end_known: bool = False,
    expires_at: datetime | None = None,
) -> int:
    """Stripe changed a key (`what`, a sentence for its history), maybe giving it `new_rights`: look again.

    Where its end is known, that is noted first, as by `key_will_end`.

    Returns:
        How many of our keys this concerned.
    """
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    if is_end_known:
        _note_end(keys, stripe_key_id, expires_at)
    for key in keys:
        if key.stripe_key_id == stripe_key_id:
            lifecycle.record(key, actor="Stripe", reason=what)
        if new_rights:
            survey_rows.permissions_changed(key, now)
        look_again(key, now)
    return len(keys)


@transaction.atomic(savepoint=False)
def key_mentioned(*, stripe_account_id: str, livemode: bool, stripe_key_id: str, now: datetime) -> int:
    """Something is said of a key that Stripe does not confirm: check it. Returns how many of ours this concerned."""
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        look_again(key, now)
    return len(keys)


@transaction.atomic
def account_changed(*, stripe_account_id: str, livemode: bool, now: datetime) -> int:
    """Something changed at an account and Stripe did not tell us which key: look at all of them. Returns how many."""
    keys = RestrictedKey.objects.kept().locked_in_turn()
    keys = keys.filter(stripe_account_id=stripe_account_id, livemode=livemode)
    for key in keys:
        survey_rows.permissions_changed(key, now)
        look_again(key, now)
    return len(keys)


def look_again(key: RestrictedKey, now: datetime) -> None:
    """Have a key checked, though not right after its last check: each one costs the merchant a dozen requests.

    Whatever happened in between is then seen at one look.
    """
    spacing = timedelta(seconds=settings.KEY_EVENT_SPACING_SECONDS)
    rest = key.last_checked_at + spacing - now if key.last_checked_at else timedelta()
    delay = min(max(rest, timedelta()), spacing)
    lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now, delay=delay)


def _kept_keys(stripe_account_id: str, livemode: bool, stripe_key_id: str) -> list[RestrictedKey]:
    """The kept keys of that Stripe key id; otherwise those of the account whose own id Stripe never told us."""
    of_account = RestrictedKey.objects.kept().locked_in_turn().select_related("merchant")
    of_account = of_account.filter(stripe_account_id=stripe_account_id, livemode=livemode)
    named = list(of_account.filter(stripe_key_id=stripe_key_id)) if stripe_key_id else []
    return named or list(of_account.filter(stripe_key_id=""))
