"""Every application of Celery's is the same kind of doorbell, whichever module makes it."""

import pytest
from celery import Celery

from partner_site.celery import app as site
from work import broker


@pytest.fixture
def another() -> Celery:
    """An application of nobody's."""
    app = Celery("another", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    broker.configure(app)
    return app


@pytest.mark.parametrize("option", sorted(broker.OPTIONS))
def test_site_and_others_have_each_option(option: str, another: Celery) -> None:
    assert site.conf[option] == another.conf[option] == broker.OPTIONS[option]
