"""Registers the validations' queue and the periodic jobs of keys."""

from django.apps import AppConfig


class StripeKeysConfig(AppConfig):
    """Restricted keys: stored, proven, re-checked and handed out."""

    name = "stripe_keys"
    verbose_name = "Stripe keys"

    def ready(self) -> None:
        """Make the queue, the periodic jobs and the start-up checks known."""
        from stripe_keys import audit, checks, ledger, reminders, surveys, sweeps, tasks
        from stripe_keys.managed import orphans, publishing, schedule
        from stripe_keys.outgoing import upkeep
        from stripe_keys.pastes import stand_ins
        from work import engine, periodic

        engine.register(tasks.VALIDATIONS)
        engine.register(tasks.LEDGER)
        engine.register(tasks.OUTGOING)
        engine.register(tasks.MINTINGS)
        engine.register(tasks.RETIREMENTS)
        periodic.every(sweeps.PLANNED_EVERY_SECONDS, "plan-due-checks", tasks.plan_due_checks)
        periodic.every(surveys.PLANNED_EVERY_SECONDS, "plan-surveys", surveys.plan_surveys)
        periodic.every(3600, "give-up-on-unproven-keys", tasks.give_up_on_unproven_keys)
        periodic.every(24 * 3600, "forget-old-checks", tasks.forget_old_checks)
        periodic.every(24 * 3600, "forget-old-pastes", tasks.forget_old_pastes)
        periodic.every(24 * 3600, "forget-old-usage", tasks.forget_old_usage)
        periodic.every(60, "watch-incidents", tasks.watch_incidents)
        periodic.every(60, "tell-of-stand-ins", stand_ins.tell_ops_of_new_ones)
        periodic.every(reminders.SENT_EVERY_SECONDS, "remind-of-ending-keys", reminders.remind)
        periodic.every(3600, "mark-ledger", ledger.mark)
        periodic.every(60, "advance-vault-audit", audit.advance_nightly)
        periodic.every(60, "list-partner-endpoints", upkeep.list_endpoints)
        periodic.every(3600, "give-up-on-messages", upkeep.give_up)
        periodic.every(24 * 3600, "forget-old-messages", upkeep.forget_old)
        periodic.every(schedule.PLANNED_EVERY_SECONDS, "plan-mintings", schedule.plan)
        periodic.every(
            publishing.PUBLISHED_EVERY_SECONDS, "make-publishable-keys", publishing.publish_missing
        )
        periodic.every(orphans.SWEPT_EVERY_SECONDS, "end-orphaned-keys", orphans.sweep)
        checks.register_checks()
