"""The way to Stripe's install page and back, and which Stripe account belongs to which merchant."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Merchant, User
from accounts.services import MerchantIsClosed, locked_while_open
from stripe_keys import app_installs, binding, lifecycle, our_apps, signature
from stripe_keys.account_names import short_account
from stripe_keys.binding import InstallRefused, bind
from stripe_keys.lifecycle import actor_name
from stripe_keys.managed import arrangements
from stripe_keys.models import InstallState, KeySubmission, RestrictedKey, StripeInstall, Validation
from stripe_keys.pastes.limits import count_paste

__all__ = ["InstallRefused", "bind"]

_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)


@dataclass(frozen=True)
class Returned:
    """A good return: which mode it was for, and the account when Stripe's signature proved it."""

    livemode: bool
    install: StripeInstall | None
    app: str = our_apps.PASTING


def install_url(
    *, merchant: Merchant, user: User, livemode: bool, now: datetime, app: str = our_apps.PASTING
) -> str:
    """Stripe's install page for that app of ours, with a one-time `state` bound to user, merchant and mode.

    Source: https://docs.stripe.com/stripe-apps/install-links.
    """
    state = secrets.token_urlsafe(32)
    InstallState.objects.filter(expires_at__lt=now).delete()
    InstallState.objects.create(
        state_hash=_hash(state),
        user=user,
        merchant=merchant,
        livemode=livemode,
        app=app,
        expires_at=now + timedelta(seconds=settings.INSTALL_STATE_LIFETIME_SECONDS),
    )
    address = settings.STRIPE_INSTALL_BASE + _install_path(app, livemode=livemode)
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'redirect_uri': return_url(), 'state': state})}"


def app_wanted(named: str, *, livemode: bool) -> str:
    """The app of ours that somebody wants to install; the one that makes keys only where it is another, and offered."""
    wants_other = named == our_apps.MANAGING and is_second_app_offered(livemode=livemode)
    return our_apps.MANAGING if wants_other else our_apps.PASTING


def is_second_app_offered(*, livemode: bool) -> bool:
    """Whether another app than the one whose keys are pasted can be installed in that mode, to make the keys."""
    return our_apps.are_two() and arrangements.is_offered(livemode=livemode)


def _install_path(app: str, *, livemode: bool) -> str:
    path = settings.STRIPE_INSTALL_PATH_LIVE if livemode else settings.STRIPE_INSTALL_PATH_TEST
    if app == our_apps.MANAGING and our_apps.are_two():
        own = (
            settings.STRIPE_MANAGED_INSTALL_PATH_LIVE
            if livemode
            else settings.STRIPE_MANAGED_INSTALL_PATH_TEST
        )
        path = own or path
    return str(path.format(app_id=our_apps.manifest_id(app)))


def return_url() -> str:
    """Where Stripe sends the merchant back to; the manifest lists it under `allowed_redirect_uris`."""
    return str(settings.SITE_URL) + reverse("stripe_keys:install_return")


def _hash(state: str) -> bytes:
    return sha256(state.encode()).digest()


def use_state(*, state: str, user: User, now: datetime) -> InstallState:
    """Use up a `state`, whoever returns with it, and give back what it was bound to.

    Raises:
        InstallRefused: unknown, used, too old, or begun by somebody else (`state`).
    """
    with transaction.atomic():
        row = InstallState.objects.select_for_update(of=("self",)).filter(state_hash=_hash(state)).first()
        if row is not None:
            InstallState.objects.filter(pk=row.pk).delete()
    if row is None or row.expires_at <= now or row.user_id != user.pk:
        raise InstallRefused("state")
    return row


def take_return(*, started: InstallState, query: dict[str, str], state: str, now: datetime) -> Returned:
    """Read Stripe's answer. Only a return that Stripe signed binds an account; an unsigned one is merely noted.

    Raises:
        InstallRefused: the merchant declined (`denied`), the signature is wrong (`signature`), the mode differs
            (`mode`), or the account belongs to somebody else (`taken`).
    """
    if query.get("error"):
        raise InstallRefused("denied")
    if (
        query.get("livemode") != "false"
    ) != started.livemode:  # Stripe marks test installs and says nothing in live
        raise InstallRefused("mode")
    signed = query.get("install_signature", "")
    if not signed:
        return Returned(started.livemode, None, started.app)
    account = query.get("account_id", "")
    _verify_install_signature(
        signed, state=state, user_id=query.get("user_id", ""), account_id=account, now=now
    )
    if not _ACCOUNT.fullmatch(account):
        raise InstallRefused("signature")
    install = bind(
        merchant=started.merchant,
        stripe_account_id=account,
        livemode=started.livemode,
        proof=StripeInstall.Proof.SIGNED_RETURN,
        now=now,
    )
    app_installs.note_came(install, started.app, now)
    return Returned(started.livemode, install, started.app)


def _verify_install_signature(
    signed: str, *, state: str, user_id: str, account_id: str, now: datetime
) -> None:
    """Stripe signs compact JSON of state, user_id and account_id in this order with the app's signing secret.

    Whether an empty `state` is part of it is not documented; ours is never empty.
    Source: https://docs.stripe.com/stripe-apps/install-links.
    """
    payload: dict[str, Any] = {"state": state, "user_id": user_id, "account_id": account_id}
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    known = [
        signature.SigningSecret(f"app-{number}", value)
        for number, value in enumerate(settings.STRIPE_APP_SIGNING_SECRETS)
    ]
    try:
        signature.verify(signed, body, known, now=now)
    except signature.BadSignature:
        raise InstallRefused("signature") from None


@transaction.atomic
def confirm_account(*, key: RestrictedKey, user: User, now: datetime) -> None:
    """Bind the account that `key` named, at the merchant's word that it is theirs, and go on with the check.

    Raises:
        InstallRefused: the question is no longer open (`stale`), another account has been connected in this mode since
            (`not_connected`, with the connected ones), or the account is bound elsewhere (`taken`).
    """
    try:  # the merchant before the key, as a paste and the closing of the merchant lock them
        locked_while_open(key.merchant)
    except MerchantIsClosed:
        raise InstallRefused("closed") from None
    installs = StripeInstall.objects.filter(stripe_account_id=key.stripe_account_id, livemode=key.livemode)
    list(installs.select_for_update(of=("self",)))  # and Stripe's reports lock these before the keys
    key = lifecycle.locked(key)
    if key.status != RestrictedKey.Status.PENDING or not key.awaits_account_confirmation:
        raise InstallRefused("stale")
    refusal = _why_not(key, key.stripe_account_id)
    if refusal is not None:
        raise refusal
    bind(
        merchant=key.merchant,
        stripe_account_id=key.stripe_account_id,
        livemode=key.livemode,
        proof=StripeInstall.Proof.MERCHANT,
        now=now,
    )
    RestrictedKey.objects.filter(pk=key.pk).update(awaits_account_confirmation=False)
    lifecycle.record(
        key, actor=actor_name(user), reason="The merchant confirmed that the Stripe account is theirs."
    )
    lifecycle.request_validation(key, reason=Validation.Reason.CONFIRMED, now=now, requested_by=user)


def name_account(
    *,
    key: RestrictedKey,
    user: User,
    stripe_account_id: str,
    now: datetime,
    remote_address: str | None = None,
) -> None:
    """Take the merchant's word for the account of `key`, which Stripe did not name, and have Stripe asked about it.

    Nothing is bound before Stripe has let that pass. Each try counts, however it ends: the answer tells which accounts
    are connected here, and nobody may read out that list.

    Raises:
        TooManyPastes: the merchant or the address has tried too often.
        InstallRefused: the question is no longer open (`stale`), another account is connected in this mode
            (`not_connected`, with the connected ones), or the account is bound elsewhere (`taken`).
    """
    with transaction.atomic():
        try:
            locked_while_open(key.merchant)
        except MerchantIsClosed:
            raise InstallRefused("closed") from None
        key = lifecycle.locked(key)
        if not key.is_asked_for_account:
            raise InstallRefused("stale")
        count_paste(key, user, remote_address, now, kind=KeySubmission.Kind.ACCOUNT)
        refusal = _why_not(key, stripe_account_id)
        if refusal is None:
            _take_word(key, user, stripe_account_id, now)
    if refusal is not None:  # not before the try has been counted for good
        raise refusal


def _why_not(key: RestrictedKey, stripe_account_id: str) -> InstallRefused | None:
    """Why the merchant of `key` cannot have this account connected for it; None if they can."""
    connected = tuple(binding.connected_accounts(key))
    if connected and stripe_account_id not in connected:
        return InstallRefused("not_connected", connected)
    return InstallRefused("taken") if binding.is_anothers(key, stripe_account_id) else None


def _take_word(key: RestrictedKey, user: User, stripe_account_id: str, now: datetime) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(
        stripe_account_id=stripe_account_id,
        account_is_claimed=True,
        awaits_account_id=False,
        last_problem="",
    )
    said = f"The merchant named {short_account(stripe_account_id)} as its account."
    lifecycle.record(key, actor=actor_name(user), reason=said)
    lifecycle.request_validation(key, reason=Validation.Reason.CONFIRMED, now=now, requested_by=user)
