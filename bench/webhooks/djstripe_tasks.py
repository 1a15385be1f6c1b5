"""What dj-stripe's documentation suggests: the callback hands the stored trigger to Celery and returns."""

from typing import Any

from celery import shared_task


def enqueue(trigger: Any, api_key: str) -> None:
    """Called by dj-stripe once it has verified and stored a delivery."""
    process.delay(trigger.pk)


@shared_task
def process(trigger_pk: int) -> None:
    """What a worker would do; none runs here."""
    from djstripe.models import WebhookEventTrigger  # type: ignore[import-not-found]

    WebhookEventTrigger.objects.get(pk=trigger_pk).process()
