"""What changes while a check is under way does not lead to a verdict that nothing proves."""

import pytest
from django.utils import timezone

from accounts.models import User
from stripe_keys import validation
from stripe_keys.gateway.answers import Answer
from stripe_keys.inspection import Inspection
from stripe_keys.models import PermissionCheck, RestrictedKey
from stripe_keys.tasks import VALIDATIONS
from tests.stripe_keys.keys import AtStripe, all_but, bind_account, checked, paste
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status


@pytest.mark.parametrize("outcome", ["granted", "missing"])
def test_account_bound_in_the_middle_of_a_check_has_the_permissions_proven_first(
    ada: User, at_stripe: AtStripe, outcome: str
) -> None:
    stripe_key = at_stripe.key(permissions=all_but("payout_read"))
    key = paste(ada, stripe_key.token)
    row = engine.claim(VALIDATIONS)[0]
    seen = Inspection(Answer.GRANTED, stripe_key.account, outcomes={"connected_account_read": outcome})
    bind_account(ada, stripe_key.account)

    with engine.settle(row):
        validation._conclude(row, seen, timezone.now())

    key.refresh_from_db()
    assert key.status == Status.PENDING, "only the account is known yet"
    engine.drain(VALIDATIONS)
    again = key.validations.get(state=DueRow.State.WAITING)
    assert again.due_at > timezone.now(), (
        "were it ever to come to this again, it would not do so without a pause"
    )
    key.validations.filter(pk=again.pk).update(due_at=timezone.now())
    assert checked(key).status == Status.LIMITED
    missing = PermissionCheck.objects.filter(validation__key=key, outcome="missing")
    assert list(missing.values_list("permission", flat=True)) == ["payout_read"]
