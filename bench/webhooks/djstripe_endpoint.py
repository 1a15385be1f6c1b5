"""`python -m bench.webhooks.djstripe_endpoint UUID`: store a webhook endpoint that verifies signatures.

It runs in dj-stripe's environment; the secret is the first that the site was given.
"""

import sys

import django


def main(uuid: str) -> None:
    """Store it, with dj-stripe's own defaults for everything that is not ours to say."""
    django.setup()
    from django.conf import settings
    from djstripe.models import WebhookEndpoint  # type: ignore[import-not-found]

    WebhookEndpoint.objects.create(
        id="we_bench",
        djstripe_uuid=uuid,
        livemode=False,
        secret=settings.STRIPE_WEBHOOK_SECRETS[0].partition(":")[2],
        status="enabled",
        enabled_events=["*"],
        url="https://partner.example.com/",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
