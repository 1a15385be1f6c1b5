"""The site's own settings, with the bare view among its addresses."""

from partner_site.settings import *  # noqa: F403

ROOT_URLCONF = "bench.webhooks.bare"
