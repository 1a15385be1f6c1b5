"""The wiring of the site: settings, addresses, the ops desk, web and worker processes. No behaviour lives here."""

from partner_site.celery import app as celery_app

__all__ = ["celery_app"]
