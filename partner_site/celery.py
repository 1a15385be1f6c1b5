"""The Celery application: a doorbell for the due rows of `work`, never the queue itself."""

import json
import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging

from partner_site.log import holds_a_key
from stripe_keys.secret import Secret
from work import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partner_site.settings")


class KeyInMessage(ValueError):
    """A task was about to carry something shaped like a key: give it the row's id instead."""


class SiteCelery(Celery):
    """Celery that refuses to publish a key.

    This cannot be a `before_task_publish` receiver: Celery logs what a receiver raises, then publishes.
    """

    def send_task(  # type: ignore[override]  # Celery passes the rest by name, and so do we
        self, name: str, args: Any = None, kwargs: Any = None, **options: Any
    ) -> Any:
        """Publish the task, unless its arguments hold a secret or a key-shaped string."""
        if holds_a_key(json.dumps([args, kwargs, options.get("headers")], default=_no_secret)):
            raise KeyInMessage(f"Task {name} was given something shaped like a key.")
        return super().send_task(name, args, kwargs, **options)


def _no_secret(value: object) -> str:
    """How a value that JSON does not know is looked at."""
    if isinstance(value, Secret):
        raise KeyInMessage("A task was given a secret.")
    return repr(value)


app = SiteCelery("partner_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
broker.configure(app)
app.steps["worker"].add("work.heartbeat:Heartbeat")  # by name: its module needs Django to be set up


@setup_logging.connect
def log_as_the_site_does(**kwargs: Any) -> None:
    """Give the worker the site's logging; having a receiver keeps Celery from setting up its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@celeryd_init.connect
def make_ready(**kwargs: Any) -> None:
    """Before the worker takes its first message."""
    from partner_site.startup import prepare_process

    prepare_process()
