"""A proven key takes over from the one before it, which serves until then."""

from django.utils import timezone

from accounts.models import User
from stripe_keys import services
from stripe_keys.models import KeyEnvelope, RestrictedKey
from tests.stripe_keys.keys import AtStripe, all_but, check_again, checked, paste
from tests.stripe_keys.proven import proven

Status = RestrictedKey.Status


def test_new_key_takes_over_and_the_old_one_is_erased(ada: User, at_stripe: AtStripe) -> None:
    first = at_stripe.bound_key(ada)
    old = proven(ada, first)
    rotated = at_stripe.admin.rotate_key(first.id, overlap=3600)
    new = paste(ada, str(rotated["token"]))
    old.refresh_from_db()
    assert old.status == Status.ACTIVE, "the old key serves until the new one is proven"

    new = checked(new)

    old.refresh_from_db()
    assert (new.status, old.status, old.replaced_by) == (Status.ACTIVE, Status.REPLACED, new)
    assert not KeyEnvelope.objects.filter(key=old).exists()


def test_lesser_key_does_not_take_over_from_an_active_one(ada: User, at_stripe: AtStripe) -> None:
    first = at_stripe.bound_key(ada)
    old = proven(ada, first)
    lesser = at_stripe.key(first.account, permissions=all_but("payout_read"))

    new = checked(paste(ada, lesser.token))

    old.refresh_from_db()
    assert (old.status, new.status, new.last_problem) == (
        Status.ACTIVE,
        Status.PENDING,
        "less_than_the_old_key",
    )

    at_stripe.admin.expire_key(first.id, lag=0)
    assert check_again(old).status == Status.EXPIRED
    new.refresh_from_db()
    assert new.status == Status.LIMITED, "when the old key dies, the lesser one serves"


def test_a_suspended_newcomer_does_not_take_over_until_it_is_resumed(
    ada: User, olga: User, at_stripe: AtStripe
) -> None:
    first = at_stripe.bound_key(ada)
    old = proven(ada, first)
    new = paste(ada, at_stripe.key(first.account).token)
    services.suspend(key=new, actor=olga, now=timezone.now())

    assert checked(new).status == Status.PENDING
    old.refresh_from_db()
    assert old.is_usable

    services.resume(key=new, actor=olga, now=timezone.now())
    assert checked(new).status == Status.ACTIVE
