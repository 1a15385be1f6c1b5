"""Before anything is done on a merchant's account: is our app still on it, by Stripe's word of this moment?"""

from uuid import UUID

from stripe_keys import app_installs, gateway, our_apps
from stripe_keys.gateway import app_questions
from stripe_keys.models import RestrictedKey, StripeInstall

# Questions that one proof may take.
CALLS = 2


class NotInstalled(Exception):
    """The app is not, or not any more, on that account: nothing may be asked of its keys."""


def prove(*, merchant_id: UUID, stripe_account_id: str, livemode: bool, is_ending: bool = False) -> None:
    """Return only if the account is this merchant's here by Stripe's word, and Stripe shows our app on it.

    To end what was made there (`is_ending`), it is enough that the account once was this merchant's, and is nobody
    else's: they may have closed theirs, or removed the last key of it.

    Raises:
        NotInstalled: it is not.
        gateway.StripeUnavailable: Stripe did not say.
        gateway.StripeRefused: Stripe does not tell us; its code says why.
    """
    of_account = StripeInstall.objects.filter(stripe_account_id=stripe_account_id, livemode=livemode)
    now = of_account.filter(status=StripeInstall.Status.INSTALLED)
    if is_ending:
        is_theirs = of_account.filter(merchant=merchant_id).exists()
        is_anothers = now.exclude(merchant=merchant_id).exists()
    else:
        is_theirs = any(rests_on_stripes_word(install) for install in now.filter(merchant=merchant_id))
        is_anothers = False
    if is_anothers or not is_theirs:
        raise NotInstalled
    _see_it_there(stripe_account_id, livemode=livemode)


def rests_on_stripes_word(install: StripeInstall) -> bool:
    """Whether Stripe itself has said that the account is this merchant's: nothing less lets the app make keys on it.

    Stripe has signed their return; or it named the account for a key that they pasted, which could do all that the
    app's key can. Who merely names an account, or holds a key that can do little, gets no key that can do more.
    """
    if install.proof == StripeInstall.Proof.SIGNED_RETURN:
        return True
    pasted = RestrictedKey.objects.filter(
        merchant=install.merchant_id,
        livemode=install.livemode,
        stripe_account_id=install.stripe_account_id,
        managed_by=RestrictedKey.ManagedBy.USER,
        account_is_claimed=False,
    )
    return pasted.filter(status_changes__to_status=RestrictedKey.Status.ACTIVE).exists()


def _see_it_there(stripe_account_id: str, *, livemode: bool) -> None:
    """Neither the App Installs API nor the account itself may deny it, and one of them has to affirm it."""
    try:
        is_shown = app_installs.ask(
            stripe_account_id, livemode=livemode, app=our_apps.MANAGING, is_managing=True
        )
    except gateway.StripeRefused:
        is_shown = None
    if is_shown is False:
        raise NotInstalled
    is_reached = app_questions.reaches_account(stripe_account_id, livemode=livemode)
    if is_reached is False:
        raise NotInstalled
    if not is_shown and not is_reached:
        raise gateway.StripeRefused("Stripe does not tell whether the app is installed.", 403)
