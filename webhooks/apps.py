"""Registers the queue of events, what is done to them from time to time, and the checks at the start."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """What Stripe tells us: received, kept and acted on."""

    name = "webhooks"
    verbose_name = "Events from Stripe"

    def ready(self) -> None:
        """Make the queue, the periodic jobs and the checks known."""
        from django.core.checks import register

        from webhooks import parking, pruning, secrets_in_use, signature, tasks
        from webhooks.reconciling import accounts, runs
        from work import engine, periodic

        engine.register(tasks.EVENTS)
        engine.register(tasks.RECONCILIATIONS)
        periodic.every(parking.SECONDS, "take-up-parked-events", parking.look)
        periodic.every(runs.LOOKED_EVERY_SECONDS, "reconcile", runs.begin_regular_run)
        register(accounts.check_setting)
        register(signature.check_secrets)
        register(pruning.check_ages)
        periodic.every(pruning.PRUNED_EVERY_SECONDS, "prune-events", pruning.prune_some)
        periodic.every(secrets_in_use.LOOKED_EVERY_SECONDS, secrets_in_use.JOB, secrets_in_use.look)
