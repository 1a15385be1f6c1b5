"""The bare view, led past all that is for people, as the site leads what Stripe delivers."""

from bench.webhooks.bare_settings import *  # noqa: F403
from partner_site.settings import MIDDLEWARE as THAT_OF_THE_SITE

SHORTENED = {"partner_site.middleware.deliveries_go_straight_on": "bench.webhooks.bare.led_straight_here"}
MIDDLEWARE = [SHORTENED.get(name, name) for name in THAT_OF_THE_SITE]
