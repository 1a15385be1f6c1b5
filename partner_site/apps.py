"""The wiring as a Django app: it brings the system checks, the static files and what the vault keeps for the site."""

from django.apps import AppConfig


class PartnerSiteConfig(AppConfig):
    """Registers what `partner_site.checks` refuses, and the second factors with the vault's audit."""

    name = "partner_site"

    def ready(self) -> None:
        """Load the system checks and tell the audit what there is."""
        from partner_site import checks, setting_limits  # noqa: F401  # importing registers them
        from partner_site.second_factor import register_for_audit

        register_for_audit()
