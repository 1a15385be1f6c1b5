"""What follows from Stripe's reports that an app of ours came to an account or left it. A report is a hint.

Where we have two apps (`stripe_keys.our_apps`) each report is about one of them.
"""

from datetime import datetime

from django.db import transaction

from stripe_keys import app_installs, gateway, our_apps, uninstalls
from stripe_keys.models import RestrictedKey, StripeInstall
from stripe_keys.reports import look_again
from work.pool import connection_to_pool


def installed_at_stripe(
    stripe_account_id: str, *, livemode: bool, app: str = our_apps.PASTING
) -> bool | None:
    """Whether Stripe shows that app of ours on that account now; None where we cannot ask, or its answer does not say.

    Raises:
        StripeUnavailable: Stripe did not answer this time.
    """
    connection_to_pool()
    try:
        return app_installs.ask(stripe_account_id, livemode=livemode, app=app)
    except gateway.StripeRefused:
        return None


@transaction.atomic
def app_installed(
    *,
    stripe_account_id: str,
    livemode: bool,
    reported_at: datetime,
    now: datetime,
    app: str = our_apps.PASTING,
) -> int:
    """The app is (again) on an account: renew the install of the merchant who has a proven key of it; bind nobody new.

    A merchant whose keys ended with the last uninstall is asked to bring one.

    Returns:
        How many installs this concerned.
    """
    installs = _installs(stripe_account_id, livemode)
    present = [one for one in installs if one.status == StripeInstall.Status.INSTALLED]
    for install in present:
        _note_present(install, app=app, reported_at=reported_at, now=now)
    last = max(installs, key=lambda one: one.installed_at, default=None)
    if last is not None and not present and last.uninstalled_at and last.uninstalled_at < reported_at:
        uninstalls.come_back(last, reported_at=reported_at, now=now, app=app)
    kept = RestrictedKey.objects.kept().locked_in_turn()
    for key in kept.filter(stripe_account_id=stripe_account_id, livemode=livemode):
        look_again(key, now)
    return len(installs)


def _note_present(install: StripeInstall, *, app: str, reported_at: datetime, now: datetime) -> None:
    """The app is on the account of `install`, which has not ended; of two apps it may have left it alone."""
    if install.reported_gone_at is not None and install.reported_gone_at < reported_at:
        uninstalls.take_back(install, app=app)
    if not our_apps.are_two():
        if install.installed_at < reported_at:
            StripeInstall.objects.filter(pk=install.pk).update(installed_at=reported_at)
        return
    told = app_installs.of(install, app)
    if told is not None and told.left_at is not None:
        if told.left_at < reported_at:
            uninstalls.come_back(install, reported_at=reported_at, now=now, app=app)
    elif told is None or told.installed_at is None or told.installed_at < reported_at:
        app_installs.note_came(install, app, reported_at)


@transaction.atomic
def app_uninstalled(
    *,
    stripe_account_id: str,
    livemode: bool,
    reported_at: datetime,
    still_installed: bool | None,
    now: datetime,
    app: str = our_apps.PASTING,
) -> int:
    """The app left an account: end the install, and remove or keep its keys (KEY_ON_UNINSTALL).

    Of two apps each ends only its own keys, and the last one the install.

    A report older than the present install, or contradicted by Stripe's list of installs (`still_installed`), is stale.
    Where Stripe cannot be asked (None), an event's word ends no key: the keys are asked.

    Returns:
        How many installs this concerned.
    """
    concerned = 0
    for install in _installs(stripe_account_id, livemode):
        if install.status != StripeInstall.Status.INSTALLED or _is_stale(install, app, reported_at):
            continue
        if still_installed:
            uninstalls.take_back(install, app=app)
            continue
        concerned += 1
        is_hearsay = still_installed is None
        if not (is_hearsay and uninstalls.note_hearsay(install, reported_at=reported_at, now=now, app=app)):
            uninstalls.end(install, reported_at=reported_at, now=now, app=app)
    return concerned


def _is_stale(install: StripeInstall, app: str, reported_at: datetime) -> bool:
    """Whether a report of that moment says nothing of the present install of `app`: it came later, or has left."""
    told = app_installs.of(install, app) if our_apps.are_two() else None
    if told is not None and told.left_at is not None:
        return True
    came_at = told.installed_at if told is not None else None
    return (came_at or install.installed_at) > reported_at


def _installs(stripe_account_id: str, livemode: bool) -> list[StripeInstall]:
    about = StripeInstall.objects.select_for_update(of=("self",)).order_by("pk")
    about = about.filter(merchant__closed_at__isnull=True)
    return list(about.filter(stripe_account_id=stripe_account_id, livemode=livemode))
