"""Waiting for Stripe's deliveries and letting a worker act on them."""

from django.db.models.functions import Now

from stripe_keys.models import RestrictedKey
from tests.simulator import SimulatorAdmin, until
from webhooks.models import EventNotification
from work import engine


class Arrivals:
    """What has arrived from the simulator, and what became of it."""

    def __init__(self, admin: SimulatorAdmin) -> None:
        self.admin = admin

    def of(self, kind: str, account: str) -> EventNotification:
        """The newest event of that type and account, once it is here and processed."""
        until(lambda: EventNotification.objects.filter(type=kind, stripe_account_id=account).exists())
        engine.drain("events")
        return EventNotification.objects.filter(type=kind, stripe_account_id=account).latest("pk")

    def all_of(self, account: str) -> list[EventNotification]:
        """Every event of the account, once all that Stripe published and did not hold back are here and processed."""
        until(lambda: self._published(account) <= self._arrived(account))
        engine.drain("events")
        return list(EventNotification.objects.filter(stripe_account_id=account).order_by("pk"))

    def _published(self, account: str) -> set[str]:
        sent = {each["event"] for each in self.admin.items("/deliveries?state=delivered")}
        sent |= {each["event"] for each in self.admin.items("/deliveries?state=pending")}
        return {str(each["id"]) for each in self.admin.events(account=account)} & sent

    def _arrived(self, account: str) -> set[str]:
        return set(
            EventNotification.objects.filter(stripe_account_id=account).values_list("event_id", flat=True)
        )


def make_due(event: EventNotification) -> None:
    """Let a row that waits for a later moment be due now."""
    EventNotification.objects.filter(pk=event.pk).update(due_at=Now())


def after_checks(key: RestrictedKey) -> RestrictedKey:
    """The key as it is once every due check was made."""
    engine.drain("validations")
    key.refresh_from_db()
    return key
