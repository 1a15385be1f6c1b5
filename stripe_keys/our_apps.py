"""Our apps at Stripe: one; or two, where another makes the keys than the one whose keys are pasted (decision 0005)."""

from django.conf import settings

PASTING, MANAGING = "pasting", "managing"


def are_two() -> bool:
    """Whether the keys are made by another app than the one whose keys are pasted."""
    own = settings.STRIPE_MANAGED_APP_OBJECT_ID
    return bool(own) and own != settings.STRIPE_APP_OBJECT_ID


def all_of_them() -> tuple[str, ...]:
    """Every app of ours; where there is one, it is the pasting app and stands for both ways to a key."""
    return (PASTING, MANAGING) if are_two() else (PASTING,)


def object_id(app: str) -> str:
    """Its `app_…` id; empty where it is not configured."""
    own = settings.STRIPE_MANAGED_APP_OBJECT_ID if app == MANAGING else ""
    return str(own or settings.STRIPE_APP_OBJECT_ID)


def manifest_id(app: str) -> str:
    """Its id in its manifest, as Stripe's addresses hold it."""
    own = settings.STRIPE_MANAGED_APP_ID if app == MANAGING and are_two() else ""
    return str(own or settings.STRIPE_APP_ID)


def settings_url(*, livemode: bool, app: str = PASTING) -> str:
    """That app's settings page in the Dashboard, where the merchant finds *View API keys*."""
    path = settings.STRIPE_APP_SETTINGS_PATH_LIVE if livemode else settings.STRIPE_APP_SETTINGS_PATH_TEST
    return str(settings.STRIPE_DASHBOARD_BASE + path.format(app_id=manifest_id(app)))


def meant_by(named: object) -> tuple[str, ...]:
    """Those of ours that a report naming this `app_…` id may be about: none for a stranger's, all where none is named.

    An application's `ca_…` id is not configured, so nothing is told from it.
    """
    if not isinstance(named, str):
        return all_of_them()
    if are_two() and named == settings.STRIPE_MANAGED_APP_OBJECT_ID:
        return (MANAGING,)
    return (PASTING,) if settings.STRIPE_APP_OBJECT_ID in ("", named) else ()


def behind(*, is_app_managed: bool) -> str:
    """The app without which a key of that kind has no right to be."""
    return MANAGING if is_app_managed and are_two() else PASTING
