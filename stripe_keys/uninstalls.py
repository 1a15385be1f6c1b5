"""The app leaves a Stripe account, or comes back to it: what becomes of the keys, as KEY_ON_UNINSTALL says.

`remove` ends and erases them at once. `keep` goes on with them for as long as Stripe accepts them: at the uninstall
merchants choose in Stripe whether keys of the app stay.

Where Stripe cannot be asked whether the app is still there, an event alone ends nothing, as whoever holds one signing
secret can write events: the keys are checked, and only one that Stripe refuses then ends the install.

Where we have two apps (`stripe_keys.our_apps`), each takes only its own keys along, and the last one the binding.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys import app_installs, lifecycle, mails, our_apps, retirement_rows
from stripe_keys.models import RestrictedKey, RestrictedKeyQuerySet, StripeInstall, Validation

REMOVE, KEEP = "remove", "keep"
POLICIES = (REMOVE, KEEP)
# What an ended key says of the app: that it has left, or that it has come back since.
LEFT, CAME_BACK = "app_uninstalled", "app_installed_again"
_REASON = "The app was uninstalled from the Stripe account."
_ONE_EVENT = timedelta(
    days=1
)  # Stripe's report of an uninstall may come this long after what it did to the key
# For so long a key that ends is taken to have ended with a reported uninstall; Stripe's events may be three days late.
_HEARSAY_COUNTS = timedelta(days=4)
_HEARSAY = "An event says that the app was uninstalled. Stripe is asked whether it still accepts the key."
Status = RestrictedKey.Status


def note_hearsay(install: StripeInstall, *, reported_at: datetime, now: datetime, app: str) -> bool:
    """Note that `app` is said to have left, and have its keys checked; False where it has none to ask."""
    kept = list(_keys_of(install, app).kept().locked_in_turn())
    if not kept:
        return False
    app_installs.note_hearsay(install, app, min(reported_at, now))
    is_news = install.reported_gone_at is None
    StripeInstall.objects.filter(pk=install.pk).update(reported_gone_at=min(reported_at, now))
    for key in kept:
        if is_news:
            lifecycle.record(key, actor="the site", reason=_HEARSAY)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
    tell_ops(
        subject="The app is said to be uninstalled, and Stripe cannot be asked",
        body=f"An event says so of {install.stripe_account_id}; others may follow that are not mailed today. Its keys"
        " are checked, and serve for as long as Stripe accepts them. Set STRIPE_APP_OBJECT_ID and the app's own key,"
        " so that Stripe is asked. If many accounts are said to be gone and their keys work, somebody may hold a"
        " webhook signing secret of the site: roll it.",
        dedupe_key=f"said-to-be-uninstalled:{now:%Y-%m-%d}",
    )
    return True


def take_back(install: StripeInstall, *, app: str = our_apps.PASTING) -> None:
    """The app is on the account of `install` after all."""
    app_installs.take_back(install, app)
    StripeInstall.objects.filter(pk=install.pk).update(reported_gone_at=None)


def end(install: StripeInstall, *, reported_at: datetime, now: datetime, app: str = our_apps.PASTING) -> None:
    """`app` has left: do with its keys what is configured, and end `install` unless another app of ours is there.

    The caller holds the lock of `install`.
    """
    app_installs.note_left(install, app, reported_at)
    ended: dict[str, Any] = {"reported_gone_at": None}
    if not app_installs.is_on_without(install, app):
        ended |= {"status": StripeInstall.Status.UNINSTALLED, "uninstalled_at": reported_at}
    StripeInstall.objects.filter(pk=install.pk).update(**ended)
    follow(install, reported_at=reported_at, now=now, app=app)
    if app != our_apps.behind(is_app_managed=True):
        return
    retirement_rows.let_go(
        merchant_id=install.merchant_id,
        stripe_account_id=install.stripe_account_id,
        livemode=install.livemode,
    )


def believe_hearsay(key: RestrictedKey, now: datetime) -> None:
    """Stripe refuses `key` for good: if its install was said to have ended, it has."""
    said = _installs_of(key).filter(reported_gone_at__gt=max(key.created_at, now - _HEARSAY_COUNTS))
    # Everybody else locks installs before keys. Whoever has this one now, and waits for the key, will find it ended.
    install = said.select_for_update(of=("self",), skip_locked=True).first()
    if install is not None and install.reported_gone_at is not None:
        app = app_installs.behind(key)
        if _is_said_of(app, install):
            end(install, reported_at=install.reported_gone_at, now=now, app=app)


def _is_said_of(app: str, install: StripeInstall) -> bool:
    """Whether the hearsay about `install` is about that app of ours."""
    said = app_installs.said_to_be_gone(install) if our_apps.are_two() else set()
    return not said or app in said


def follow(
    install: StripeInstall, *, reported_at: datetime, now: datetime, app: str = our_apps.PASTING
) -> None:
    """Do with the keys of `app`, which has just left, what is configured, and tell their merchant."""
    keys = _keys_of(install, app)
    kept = list(keys.kept().locked_in_turn().select_related("merchant"))
    for key in kept:
        if settings.KEY_ON_UNINSTALL == REMOVE:
            lifecycle.move(key, Status.REMOVED, actor="Stripe", reason=_REASON, last_problem=LEFT)
            mails.tell_removed_after_uninstall(key)
            continue
        lifecycle.record(key, actor="Stripe", reason=_REASON)
        lifecycle.request_validation(key, reason=Validation.Reason.EVENT, now=now)
        if key.status in RestrictedKey.USABLE:
            mails.tell_kept_after_uninstall(key, reported_at, now)
    if not kept:
        _explain_the_last(keys, now)


def _explain_the_last(keys: RestrictedKeyQuerySet, now: datetime) -> None:
    """A check may have found the key dead before the uninstall was reported: say on its page why it ended."""
    last = (
        keys.filter(status=Status.EXPIRED, last_checked_at__gt=now - _ONE_EVENT)
        .order_by("-created_at")
        .first()
    )
    if last is not None and last.last_problem != LEFT:
        mark(last)
        lifecycle.record(last, actor="Stripe", reason=_REASON)


def mark(key: RestrictedKey) -> None:
    """Let `key`, which has ended, say that this is because the app was uninstalled."""
    RestrictedKey.objects.filter(pk=key.pk).update(last_problem=LEFT)
    key.last_problem = LEFT


def has_left(key: RestrictedKey) -> bool:
    """Whether the app has been uninstalled from the account of `key`, since the key is here, and not come back."""
    last = _installs_of(key).order_by("-installed_at", "-pk").first()
    if last is None:
        return False
    told = app_installs.of(last, app_installs.behind(key)) if our_apps.are_two() else None
    left = [moment for moment in (last.uninstalled_at, told.left_at if told else None) if moment]
    return any(moment > key.created_at for moment in left)


def is_kept_without_the_app(key: RestrictedKey) -> bool:
    """Whether `key` serves though the app was uninstalled; only where such keys are kept is the database asked."""
    return settings.KEY_ON_UNINSTALL == KEEP and key.status in RestrictedKey.USABLE and has_left(key)


def is_said_to_be_gone(key: RestrictedKey) -> bool:
    """Whether `key` serves though an event, of which Stripe could not be asked, has lately said that the app left."""
    if key.status not in RestrictedKey.USABLE:
        return False
    since = max(key.created_at, timezone.now() - _HEARSAY_COUNTS)
    said = _installs_of(key).filter(reported_gone_at__gt=since)
    return any(_is_said_of(app_installs.behind(key), install) for install in said)


def come_back(
    install: StripeInstall, *, reported_at: datetime, now: datetime, app: str = our_apps.PASTING
) -> None:
    """The app is on the account of `install` again, which it had left, and which nobody else has.

    A merchant with a proven key of the account is connected as before. One whose keys are gone is asked for a new one;
    that key, or their signed way through Stripe's install page, connects them again.
    """
    app_installs.note_came(install, app, reported_at)
    keys = _keys_of(install, app)
    serving = list(keys.usable().filter(account_is_claimed=False).locked_in_turn())
    for key in serving:
        lifecycle.record(key, actor="Stripe", reason="The app was installed again.")
    if serving:
        StripeInstall.objects.filter(pk=install.pk).update(
            status=StripeInstall.Status.INSTALLED, installed_at=reported_at, uninstalled_at=None
        )
        return
    last = keys.filter(last_problem=LEFT).select_related("merchant").order_by("-created_at").first()
    others = RestrictedKey.objects.kept().filter(merchant=install.merchant_id, livemode=install.livemode)
    if last is None or others.exists():
        return
    RestrictedKey.objects.filter(pk=last.pk).update(last_problem=CAME_BACK)
    lifecycle.record(last, actor="Stripe", reason="The app was installed again.")
    mails.tell_installed_again(last, now)


def _installs_of(key: RestrictedKey) -> QuerySet[StripeInstall]:
    return StripeInstall.objects.filter(
        merchant=key.merchant_id, stripe_account_id=key.stripe_account_id, livemode=key.livemode
    )


def _keys_of(install: StripeInstall, app: str) -> RestrictedKeyQuerySet:
    """Those that have no right to be there without `app`."""
    return RestrictedKey.objects.filter(
        app_installs.of_kind(app),
        merchant=install.merchant_id,
        stripe_account_id=install.stripe_account_id,
        livemode=install.livemode,
    )
