"""Surveys that Stripe does not answer, or only in part, are no surveys."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from stripe_keys import surveys
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.keys import AtStripe
from tests.stripe_keys.surveys.test_surveys import ask, found, one_run, usable
from work.models import DueRow


def test_a_throttled_survey_is_no_survey_and_a_refusal_before_it_counts_no_more(
    ada: User, at_stripe: AtStripe
) -> None:
    stripe_key, key = usable(ada, at_stripe)
    RestrictedKey.objects.update(first_refused_at=timezone.now())
    at_stripe.admin.add_fault("error", key=stripe_key.id, path="/v1/coupons", times=None)
    at_stripe.admin.add_fault("rate_limit", key=stripe_key.id, times=len(surveys.questions()) - 10)

    row = one_run(ask(key, ada))

    assert (row.state, row.problem) == (DueRow.State.WAITING, "NoAnswers")
    assert 0 < len(found(key)) < 20
    Validation.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=7))
    assert one_run(row).verdict == surveys.UNFINISHED
    key.refresh_from_db()
    assert (key.last_surveyed_at, key.first_refused_at) == (None, None)
    assert "unknown" not in found(key).values()
