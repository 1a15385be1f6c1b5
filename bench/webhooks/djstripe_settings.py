"""The site's own settings with dj-stripe among its apps, set up as its documentation says, in its own environment."""

from partner_site.settings import *  # noqa: F403
from partner_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "djstripe"]
ROOT_URLCONF = "bench.webhooks.djstripe_urls"
MIGRATION_MODULES = {"djstripe": None}  # the same tables, made at once: its migrations take half a minute
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_WEBHOOK_EVENT_CALLBACK = "bench.webhooks.djstripe_tasks.enqueue"
