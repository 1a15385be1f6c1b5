"""Each of our apps on a merchant's account, as Stripe told of it last: whether it is there, and what it may do."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from stripe_keys import our_apps
from stripe_keys.gateway import app_questions
from stripe_keys.gateway.app_answers import InstallFacts
from stripe_keys.models import AppOnAccount, RestrictedKey, StripeInstall
from work.pool import connection_to_pool

_TOLD = (
    "stripe_install_id",
    "status",
    "permissions_granted",
    "permissions_pending",
    "approval_required",
    "checked_at",
)


def ask(
    stripe_account_id: str, *, livemode: bool, app: str = our_apps.PASTING, is_managing: bool = False
) -> bool | None:
    """Whether Stripe shows that app of ours there now, None where it does not say; what it tells besides is kept.

    Raises:
        gateway.StripeRefused, gateway.StripeUnavailable: see `app_questions.install_of`.
    """
    shown = app_questions.install_of(stripe_account_id, livemode=livemode, app=app, is_managing=is_managing)
    app = app if our_apps.are_two() else our_apps.PASTING
    if shown.facts is not None:
        learn([(stripe_account_id, shown.facts)], livemode=livemode, app=app)
        connection_to_pool()  # whoever asked may go on to ask Stripe
    return shown.is_there


def learn(told: Iterable[tuple[str, InstallFacts]], *, livemode: bool, app: str) -> None:
    """Keep what Stripe has told of that app on these accounts, as far as they are a merchant's here."""
    facts, now = dict(told), timezone.now()
    bound = StripeInstall.objects.filter(
        stripe_account_id__in=facts, livemode=livemode, status=StripeInstall.Status.INSTALLED
    )
    rows = [
        _row(install, facts[install.stripe_account_id], app, now)
        for install in bound.order_by("pk").only("pk", "stripe_account_id")
    ]
    AppOnAccount.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["install", "app"], update_fields=_TOLD
    )


def _row(install: StripeInstall, facts: InstallFacts, app: str, now: datetime) -> AppOnAccount:
    return AppOnAccount(
        install=install,
        app=app,
        stripe_install_id=facts.stripe_install_id,
        status=facts.status,
        permissions_granted=list(facts.permissions_granted),
        permissions_pending=list(facts.permissions_pending),
        approval_required=facts.approval_required,
        checked_at=now,
    )


def as_told(told: AppOnAccount) -> dict[str, Any]:
    """The app and what Stripe said of it there, for whoever lists all that is known of a merchant."""
    return {"app": told.app} | {name: getattr(told, name) for name in _TOLD}


# --- Coming and leaving ----------------------------------------------------------------------------------------------


def note_came(install: StripeInstall, app: str, at: datetime) -> None:
    """Stripe says that the app came to the account of `install`."""
    came: dict[str, Any] = {"installed_at": at, "left_at": None, "reported_gone_at": None}
    AppOnAccount.objects.update_or_create(install=install, app=app, defaults=came)


def note_left(install: StripeInstall, app: str, at: datetime) -> None:
    """The app has left the account of `install`."""
    left: dict[str, Any] = {"left_at": at, "reported_gone_at": None}
    AppOnAccount.objects.update_or_create(install=install, app=app, defaults=left)


def note_hearsay(install: StripeInstall, app: str, at: datetime) -> None:
    """An event says that the app has left, and Stripe cannot be asked."""
    AppOnAccount.objects.update_or_create(install=install, app=app, defaults={"reported_gone_at": at})


def take_back(install: StripeInstall, app: str) -> None:
    """It has not left after all."""
    AppOnAccount.objects.filter(install=install, app=app).update(reported_gone_at=None)


def said_to_be_gone(install: StripeInstall) -> set[str]:
    """The apps of which an event says that they have left."""
    told = AppOnAccount.objects.filter(install=install, reported_gone_at__isnull=False)
    return set(told.values_list("app", flat=True))


def of(install: StripeInstall, app: str) -> AppOnAccount | None:
    """What is known of that app there; None where Stripe never told."""
    return AppOnAccount.objects.filter(install=install, app=app).first()


def is_on_without(install: StripeInstall, app: str) -> bool:
    """Whether another app of ours than `app` holds the binding: it is there, or kept keys of its kind are."""
    if not our_apps.are_two():
        return False
    others = AppOnAccount.objects.filter(install=install, left_at__isnull=True).exclude(app=app)
    if others.exists():
        return True
    is_apps = app == our_apps.PASTING
    kept = RestrictedKey.objects.kept().filter(
        merchant=install.merchant_id, livemode=install.livemode, stripe_account_id=install.stripe_account_id
    )
    return kept.filter(managed_by=_kind(is_app_managed=is_apps)).exists()


def with_app(app: str) -> Q:
    """Installs that `app` is on, as far as is known: one of which Stripe never told of any app is the pasting app's."""
    if not our_apps.are_two():
        return Q()
    there = Q(pk__in=AppOnAccount.objects.filter(app=app, left_at__isnull=True).values("install"))
    untold = ~Q(pk__in=AppOnAccount.objects.values("install"))
    return there | untold if app == our_apps.PASTING else there


def of_kind(app: str) -> Q:
    """Keys that have no right to be without `app`."""
    if not our_apps.are_two():
        return Q()
    return Q(managed_by=_kind(is_app_managed=app == our_apps.MANAGING))


def _kind(*, is_app_managed: bool) -> str:
    return RestrictedKey.ManagedBy.APP if is_app_managed else RestrictedKey.ManagedBy.USER


def behind(key: RestrictedKey) -> str:
    """The app without which `key` has no right to be."""
    return our_apps.behind(is_app_managed=key.is_app_managed)
