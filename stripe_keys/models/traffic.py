"""Our traffic with Stripe: how fast we may ask for whom, what is wrong at Stripe's end, and what keys are used for."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant
from stripe_keys.models.keys import RestrictedKey


class AccountPace(models.Model):
    """How fast we may ask about one merchant's Stripe account of one mode, and whether it answers.

    `free_at` is when everything that was allowed so far has been paid for (a token bucket's one number). After several
    checks in a row without answers the breaker is open until `closed_until`: the account is left alone. Accounts whose
    answers took long lately may not take up every worker, until `slow_until`.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    livemode = models.BooleanField()
    free_at = models.DateTimeField(db_default=Now())
    troubles = models.PositiveIntegerField(default=0)
    closed_until = models.DateTimeField(null=True, blank=True)
    slow_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "pace per account"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "livemode"], name="one_pace_per_merchant_and_mode"),
        ]

    def __str__(self) -> str:
        return f"{self.merchant} ({'live' if self.livemode else 'test'})"


class StripeIncident(models.Model):
    """Something wrong at Stripe's end, as far as we can tell; while it is open, no key suffers for it."""

    class Kind(models.TextChoices):
        OUTAGE = "outage", "Stripe does not answer"
        REFUSALS = "refusals", "Stripe refuses many keys at once"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    began_at = models.DateTimeField(db_default=Now())
    evidence = models.CharField(max_length=200)
    next_try_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(ended_at=None), name="one_open_incident_per_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({'over' if self.ended_at else 'open'})"


class KeyUsage(models.Model):
    """How often a key was used for one kind of call on one day: never with ids, parameters or bodies."""

    class Outcome(models.TextChoices):
        OK = "ok", "Answered"
        FORBIDDEN = "forbidden", "Permission refused"
        UNAUTHORIZED = "unauthorized", "Key refused"
        INVALID = "invalid", "Request refused"
        THROTTLED = "throttled", "Asked to slow down"
        NO_ANSWER = "no_answer", "No answer"

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    method = models.CharField(max_length=6)
    template = models.CharField(max_length=120)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "calls made with keys"
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "method", "template", "outcome"], name="one_count_per_day_and_call"
            ),
        ]
        indexes = [models.Index(fields=["day"], name="usage_by_day")]

    def __str__(self) -> str:
        return f"{self.method} {self.template}: {self.count}"
