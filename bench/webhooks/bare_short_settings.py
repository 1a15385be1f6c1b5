"""The bare view, led past all that is for people, as the site leads what Stripe delivers."""

from bench.webhooks.bare_settings import *  # noqa: F403
from partner_site.settings import MIDDLEWARE as THAT_OF_THE_SITE

MIDDLEWARE = THAT_OF_THE_SITE[: THAT_OF_THE_SITE.index("partner_site.middleware.machines_have_no_session")]
MIDDLEWARE += ["django.middleware.common.CommonMiddleware"]  # for the host and the answer's length
