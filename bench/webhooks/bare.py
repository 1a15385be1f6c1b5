"""The least that a door for webhooks can do, in the same site: check the HMAC over the raw body and insert one row."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from partner_site.middleware import straight_on
from partner_site.urls import handler400, handler500
from partner_site.urls import urlpatterns as those_of_the_site

__all__ = ["CREATE_TABLE", "Delivery", "handler400", "handler500", "receive", "urlpatterns"]
ADDRESS = "/bench/bare/"
CREATE_TABLE = "CREATE TABLE bench_delivery (id bigserial PRIMARY KEY, body text NOT NULL)"


class Delivery(models.Model):
    """A body that was signed."""

    body = models.TextField()

    class Meta:
        app_label = "bench"
        db_table = "bench_delivery"
        managed = False
        constraints: ClassVar[list[models.BaseConstraint]] = []

    def __str__(self) -> str:
        return self.body


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """No time window, no list of secrets, no look at what is in the body."""
    parts = dict(part.split("=", 1) for part in request.headers["Stripe-Signature"].split(","))
    secret = settings.STRIPE_WEBHOOK_SECRETS[0].partition(":")[2]
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + request.body, sha256).hexdigest()
    if not hmac.compare_digest(expected, parts["v1"]):
        return HttpResponse(status=400)
    Delivery(body=request.body.decode()).save(force_insert=True)
    return HttpResponse()


def led_straight_here(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """What `partner_site.middleware` does with deliveries, done for this view."""
    return straight_on(get_response, {ADDRESS})


urlpatterns = [path(ADDRESS.removeprefix("/"), receive), *those_of_the_site]
