"""Before anything is done on a merchant's account: is our app still on it, by Stripe's word of this moment?"""

from uuid import UUID

from stripe_keys import app_questions, gateway
from stripe_keys.models import StripeInstall


class NotInstalled(Exception):
    """The app is not, or not any more, on that account: nothing may be asked of its keys."""


def prove(*, merchant_id: UUID, stripe_account_id: str, livemode: bool, is_ending: bool = False) -> None:
    """Return only if the account is this merchant's here, and Stripe shows our app on it.

    To end what was made there (`is_ending`), it is enough that the account once was this merchant's: they may have
    closed theirs, or removed the last key of it.

    Raises:
        NotInstalled: it is not.
        gateway.StripeUnavailable: Stripe did not say.
    """
    bound = StripeInstall.objects.filter(
        merchant=merchant_id,
        stripe_account_id=stripe_account_id,
        livemode=livemode,
    )
    if not is_ending:
        bound = bound.filter(status=StripeInstall.Status.INSTALLED)
    if not bound.exists():
        raise NotInstalled
    if not _is_shown(stripe_account_id, livemode=livemode):
        raise NotInstalled


def _is_shown(stripe_account_id: str, *, livemode: bool) -> bool:
    """By the App Installs API where it is configured and answers; else by whether the app reaches the account."""
    try:
        shown = app_questions.is_installed(stripe_account_id, livemode=livemode, is_managing=True)
    except gateway.StripeRefused:
        shown = None
    return app_questions.reaches_account(stripe_account_id, livemode=livemode) if shown is None else shown
