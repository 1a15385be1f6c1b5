"""The way to Stripe and back: only what Stripe signed binds an account, once, for whoever began it."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import installs
from stripe_keys.installs import InstallRefused
from stripe_keys.models import InstallState, StripeInstall
from tests.people import merchant_of
from tests.stripe_keys.keys import bind_account

ACCOUNT = "acct_1Returned0Account"


def begin(user: User, *, livemode: bool = False) -> str:
    """Start the way to Stripe and return the state that travels along."""
    address = installs.install_url(
        merchant=merchant_of(user), user=user, livemode=livemode, now=timezone.now()
    )
    return parse_qs(urlsplit(address).query)["state"][0]


def signed_query(settings: Settings, state: str, account: str = ACCOUNT, **changes: str) -> dict[str, str]:
    """Stripe's signed return, in the field order that it documents."""
    payload = {"state": state, "user_id": "usr_1", "account_id": account}
    signature = stripe.WebhookSignature.generate_signature_header(
        json.dumps(payload, separators=(",", ":")), settings.STRIPE_APP_SIGNING_SECRETS[0]
    )
    return {**payload, "install_signature": signature, "livemode": "false", **changes}


def come_back(user: User, state: str, query: dict[str, str]) -> installs.Returned:
    """Return with `query`, as the page does."""
    started = installs.use_state(state=state, user=user, now=timezone.now())
    return installs.take_return(started=started, query=query, state=state, now=timezone.now())


def test_install_link_carries_a_state_that_is_stored_only_as_a_hash(ada: User, settings: Settings) -> None:
    address = urlsplit(
        installs.install_url(merchant=merchant_of(ada), user=ada, livemode=True, now=timezone.now())
    )

    query = parse_qs(address.query)
    assert f"{address.scheme}://{address.netloc}" == settings.STRIPE_INSTALL_BASE
    assert settings.STRIPE_APP_ID in address.path
    assert query["redirect_uri"] == [f"{settings.SITE_URL}/stripe/return/"]
    assert len(query["state"][0]) >= 43
    assert query["state"][0].encode() not in bytes(InstallState.objects.get().state_hash)


def test_signed_return_binds_the_account(ada: User, settings: Settings) -> None:
    state = begin(ada)

    returned = come_back(ada, state, signed_query(settings, state))

    assert returned.install == StripeInstall.objects.get()
    assert (returned.install.merchant, returned.install.stripe_account_id) == (merchant_of(ada), ACCOUNT)
    assert returned.install.proof == StripeInstall.Proof.SIGNED_RETURN


def test_previous_signing_secret_still_counts(ada: User, settings: Settings) -> None:
    state = begin(ada)
    query = signed_query(settings, state)
    settings.STRIPE_APP_SIGNING_SECRETS = ["absec_" + "n" * 20, *settings.STRIPE_APP_SIGNING_SECRETS]

    assert come_back(ada, state, query).install


def test_unsigned_return_binds_nothing(ada: User) -> None:
    state = begin(ada)

    returned = come_back(
        ada, state, {"state": state, "user_id": "usr_1", "account_id": ACCOUNT, "livemode": "false"}
    )

    assert returned.install is None
    assert not StripeInstall.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"install_signature": "t=1,v1=00"}, "signature"),
        ({"account_id": "acct_1Somebody0Else00"}, "signature"),
        ({"user_id": "usr_2"}, "signature"),
        ({"error": "access_denied"}, "denied"),
        ({"livemode": "true"}, "mode"),
    ],
)
def test_altered_declined_or_other_mode_returns_are_refused(
    ada: User, settings: Settings, changes: dict[str, str], code: str
) -> None:
    state = begin(ada)

    with pytest.raises(InstallRefused, match=code):
        come_back(ada, state, signed_query(settings, state, **changes))
    assert not StripeInstall.objects.exists()


def test_install_in_live_mode_carries_no_mark_and_binds_live_only(ada: User, settings: Settings) -> None:
    live, test = begin(ada, livemode=True), begin(ada)

    for state in (live, test):
        query = signed_query(settings, state)
        del query["livemode"]
        if state == live:
            assert come_back(ada, state, query).livemode
        else:
            with pytest.raises(InstallRefused, match="mode"):
                come_back(ada, state, query)

    assert StripeInstall.objects.get().livemode


def test_signed_account_of_odd_shape_is_refused(ada: User, settings: Settings) -> None:
    state = begin(ada)

    with pytest.raises(InstallRefused, match="signature"):
        come_back(ada, state, signed_query(settings, state, "../acct_1"))


def test_state_works_once(ada: User, settings: Settings) -> None:
    state = begin(ada)
    come_back(ada, state, signed_query(settings, state))

    with pytest.raises(InstallRefused, match="state"):
        come_back(ada, state, signed_query(settings, state))


def test_state_of_somebody_else_is_refused_and_used_up(ada: User, eve: User, settings: Settings) -> None:
    state = begin(ada)

    with pytest.raises(InstallRefused, match="state"):
        come_back(eve, state, signed_query(settings, state))
    with pytest.raises(InstallRefused, match="state"):
        come_back(ada, state, signed_query(settings, state))


@pytest.mark.parametrize("state", ["", "unknown", "é" * 40])
def test_unknown_state_is_refused(ada: User, state: str) -> None:
    with pytest.raises(InstallRefused, match="state"):
        installs.use_state(state=state, user=ada, now=timezone.now())


def test_state_expires(ada: User, settings: Settings) -> None:
    state = begin(ada)
    later = timezone.now() + timedelta(seconds=settings.INSTALL_STATE_LIFETIME_SECONDS)

    with pytest.raises(InstallRefused, match="state"):
        installs.use_state(state=state, user=ada, now=later)


def test_account_bound_elsewhere_is_refused(ada: User, eve: User, settings: Settings) -> None:
    bind_account(eve, ACCOUNT)
    state = begin(ada)

    with pytest.raises(InstallRefused, match="taken"):
        come_back(ada, state, signed_query(settings, state))


def test_same_account_in_the_other_mode_is_another_install(ada: User, eve: User, settings: Settings) -> None:
    bind_account(eve, ACCOUNT, livemode=True)
    state = begin(ada)

    assert come_back(ada, state, signed_query(settings, state)).install


def test_returning_twice_keeps_one_install(ada: User, ben: User, settings: Settings) -> None:
    for user in (ada, ben):
        state = begin(user)
        come_back(user, state, signed_query(settings, state))

    assert StripeInstall.objects.count() == 1


def test_database_holds_one_merchant_per_account_and_mode(ada: User, eves_merchant: Merchant) -> None:
    bind_account(ada, ACCOUNT)

    with pytest.raises(IntegrityError), transaction.atomic():
        StripeInstall.objects.create(
            merchant=eves_merchant, stripe_account_id=ACCOUNT, livemode=False, installed_at=timezone.now()
        )
