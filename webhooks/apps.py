"""Registers the queue of events and the check of the signing secrets."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """What Stripe tells us: received, kept and acted on."""

    name = "webhooks"
    verbose_name = "Events from Stripe"

    def ready(self) -> None:
        """Make the queue and the check known."""
        from django.core.checks import register

        from webhooks import signature, tasks
        from work import engine

        engine.register(tasks.EVENTS)
        register(signature.check_secrets)
