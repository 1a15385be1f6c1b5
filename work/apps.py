"""The engine of due rows as a Django app."""

from datetime import timedelta

from django.apps import AppConfig


class WorkConfig(AppConfig):
    """Registers the queue of periodic slots and the job that clears up after them."""

    name = "work"
    verbose_name = "Work"

    def ready(self) -> None:
        """Make the periodic queue known."""
        from work import engine, periodic
        from work.models import PeriodicSlot

        engine.register(
            engine.Queue(
                name="periodic",
                model=PeriodicSlot,
                process=periodic.run_slot,
                task_name="work.tasks.drain_periodic",
                per_lane=False,
                lease=timedelta(minutes=2),
            )
        )
        periodic.every(3600, "work.prune", periodic.prune)
