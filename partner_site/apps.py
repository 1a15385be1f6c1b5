"""The wiring as a Django app: it brings the system checks and the static files."""

from django.apps import AppConfig


class PartnerSiteConfig(AppConfig):
    """Registers what `partner_site.checks` refuses."""

    name = "partner_site"

    def ready(self) -> None:
        """Load the system checks."""
        from partner_site import checks  # noqa: F401  # importing registers them
