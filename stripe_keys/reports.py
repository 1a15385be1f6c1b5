"""What follows from Stripe's reports of keys and installs. A report is a hint: it names a key or an account, no more.

Each command finds our rows, notes what Stripe said and has them checked, so that reports may come in any order, twice,
late or not at all. A report about an account or key that we do not hold changes nothing.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from stripe_keys import gateway, lifecycle, survey_rows, takeover
from stripe_keys.models import RestrictedKey, StripeInstall, Validation

Status = RestrictedKey.Status


def has_account(stripe_account_id: str, *, livemode: bool) -> bool:
    """Whether any merchant who is not closed has, or had, something of that account and mode."""
    about = {
        "stripe_account_id": stripe_account_id,
        "livemode": livemode,
        "merchant__closed_at__isnull": True,
    }
    return StripeInstall.objects.filter(**about).exists() or RestrictedKey.objects.filter(**about).exists()


def end_of_overlap(stripe_key_id: str, *, context: str, livemode: bool) -> datetime | None:
    """When a rotated key will stop working, if Stripe tells us; only apps with access to key details are told.

    Raises:
        StripeUnavailable: Stripe did not answer this time.
    """
    try:
        return gateway.fetch_key_facts(stripe_key_id, context=context, livemode=livemode).expires_at
    except gateway.StripeRefused:
        return None


@transaction.atomic
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

    Returns:
        How many of our keys this concerned.
    """
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        if key.stripe_key_id != stripe_key_id:
            lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
            continue
        if key.rotated_at is None or key.rotated_at < reported_at:
            RestrictedKey.objects.filter(pk=key.pk).update(
                rotated_at=reported_at, successor_stripe_key_id=new_stripe_key_id, expires_at=expires_at
            )
            key.refresh_from_db()
            lifecycle.record(key, actor="Stripe", reason="The key was rotated at Stripe.")
            takeover.tell_rotated(key)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
        if expires_at is not None and expires_at > now:
            RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=expires_at + timedelta(seconds=1))
    return len(keys)


@transaction.atomic
def key_expired(*, stripe_account_id: str, livemode: bool, stripe_key_id: str, now: datetime) -> int:
    """Stripe ended a key: confirm it with the key itself. Returns how many of our keys this concerned."""
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        named = key.stripe_key_id == stripe_key_id
        reason = Validation.Reason.EXPIRY_EVENT if named else Validation.Reason.EVENT
        lifecycle.request_validation(key, reason=reason, now=now)
    return len(keys)


@transaction.atomic
def key_changed(
    *, stripe_account_id: str, livemode: bool, stripe_key_id: str, what: str, new_rights: bool, now: datetime
) -> int:
    """Stripe changed a key (`what`, a sentence for its history), maybe giving it `new_rights`: look again.

    Returns:
        How many of our keys this concerned.
    """
    keys = _kept_keys(stripe_account_id, livemode, stripe_key_id)
    for key in keys:
        if key.stripe_key_id == stripe_key_id:
            lifecycle.record(key, actor="Stripe", reason=what)
        if new_rights:
            survey_rows.permissions_changed(key, now)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
    return len(keys)


@transaction.atomic
def account_changed(*, stripe_account_id: str, livemode: bool, now: datetime) -> int:
    """Something changed at an account and Stripe did not tell us which key: look at all of them. Returns how many."""
    keys = RestrictedKey.objects.kept().locked_in_turn()
    keys = keys.filter(stripe_account_id=stripe_account_id, livemode=livemode)
    for key in keys:
        survey_rows.permissions_changed(key, now)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
    return len(keys)


def _kept_keys(stripe_account_id: str, livemode: bool, stripe_key_id: str) -> list[RestrictedKey]:
    """The kept keys of that Stripe key id; otherwise those of the account whose own id Stripe never told us."""
    of_account = RestrictedKey.objects.kept().locked_in_turn().select_related("merchant")
    of_account = of_account.filter(stripe_account_id=stripe_account_id, livemode=livemode)
    named = list(of_account.filter(stripe_key_id=stripe_key_id)) if stripe_key_id else []
    return named or list(of_account.filter(stripe_key_id=""))


def installed_at_stripe(stripe_account_id: str, *, livemode: bool) -> bool | None:
    """Whether Stripe shows our app on that account now; None where we cannot ask.

    Raises:
        StripeUnavailable: Stripe did not answer this time.
    """
    try:
        return gateway.is_installed(stripe_account_id, livemode=livemode)
    except gateway.StripeRefused:
        return None


@transaction.atomic
def app_installed(*, stripe_account_id: str, livemode: bool, reported_at: datetime, now: datetime) -> int:
    """The app is (again) on an account: renew the install of the merchant who has a kept key of it; bind nobody new.

    Returns:
        How many installs this concerned.
    """
    concerned = 0
    for install in _installs(stripe_account_id, livemode):
        if install.status == StripeInstall.Status.INSTALLED and install.installed_at < reported_at:
            StripeInstall.objects.filter(pk=install.pk).update(installed_at=reported_at)
        concerned += 1
    for key in _kept_keys(stripe_account_id, livemode, ""):
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
    return concerned


@transaction.atomic
def app_uninstalled(
    *,
    stripe_account_id: str,
    livemode: bool,
    reported_at: datetime,
    still_installed: bool | None,
    now: datetime,
) -> int:
    """The app left an account: end the install and, as configured, remove or re-check its keys.

    A report older than the present install, or contradicted by Stripe's list of installs (`still_installed`), is stale.

    Returns:
        How many installs this concerned.
    """
    concerned = 0
    for install in _installs(stripe_account_id, livemode):
        if (
            still_installed
            or install.status != StripeInstall.Status.INSTALLED
            or install.installed_at > reported_at
        ):
            continue
        StripeInstall.objects.filter(pk=install.pk).update(
            status=StripeInstall.Status.UNINSTALLED, uninstalled_at=reported_at
        )
        concerned += 1
        keys = RestrictedKey.objects.kept().locked_in_turn().select_related("merchant")
        for key in keys.filter(
            merchant=install.merchant_id, stripe_account_id=stripe_account_id, livemode=livemode
        ):
            _end_after_uninstall(key, now)
    return concerned


def _end_after_uninstall(key: RestrictedKey, now: datetime) -> None:
    if settings.KEY_REMOVED_ON_UNINSTALL:
        lifecycle.move(
            key, Status.REMOVED, actor="Stripe", reason="The app was uninstalled from the Stripe account."
        )
        takeover.tell_removed_after_uninstall(key)
    else:
        lifecycle.record(key, actor="Stripe", reason="The app was uninstalled from the Stripe account.")
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)


def _installs(stripe_account_id: str, livemode: bool) -> list[StripeInstall]:
    about = StripeInstall.objects.select_for_update(of=("self",))
    about = about.filter(merchant__closed_at__isnull=True)
    return list(about.filter(stripe_account_id=stripe_account_id, livemode=livemode))
