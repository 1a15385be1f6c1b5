"""Events about keys, from Stripe's side to ours: each type, and in every order, number and delay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Notice, User
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.keys import AtStripe, StripeKey, checked, paste
from tests.webhooks.arrivals import Arrivals, after_checks
from webhooks.models import EventNotification

Status = RestrictedKey.Status
IAM = "v2.iam.api_key."


def history(key: RestrictedKey) -> list[str]:
    return list(key.status_changes.order_by("pk").values_list("reason", flat=True))


def test_created_before_the_paste_changes_nothing(theirs: StripeKey, arrivals: Arrivals) -> None:
    event = arrivals.of(IAM + "created", theirs.account)

    assert (event.outcome, event.stripe_key_id) == ("unmatched", theirs.id)


def test_lost_permission_makes_the_key_limited(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    kept = [name for name in arrivals.admin.key(theirs.id)["permissions"] if name != "customer_read"]
    assert len(kept) < len(arrivals.admin.key(theirs.id)["permissions"])
    arrivals.admin.change_key(theirs.id, permissions=kept)

    event = arrivals.of(IAM + "permissions_updated", theirs.account)

    assert (event.outcome, event.stripe_key_id) == ("applied", theirs.id)
    assert after_checks(key).status == Status.LIMITED
    assert "The key's permissions were changed at Stripe." in history(key)
    assert Validation.objects.surveys().get().key_id == key.pk


def test_new_name_leads_to_another_look(key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals) -> None:
    before = key.last_ok_at
    arrivals.admin.change_key(theirs.id, name="Renamed")

    event = arrivals.of(IAM + "updated", theirs.account)

    assert event.outcome == "applied"
    after = after_checks(key)
    assert after.status == Status.ACTIVE
    assert before is not None
    assert not Validation.objects.surveys().exists()
    assert after.last_ok_at is not None
    assert after.last_ok_at > before


def test_new_end_of_a_key_is_noted_where_stripe_tells_it(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.switch(api_key_write_approved=True)
    ends_at = timezone.now() + timedelta(days=3)
    arrivals.admin.change_key(theirs.id, name="Ends", expires_at=ends_at.timestamp())

    arrivals.of(IAM + "updated", theirs.account)

    key.refresh_from_db()
    assert key.expires_at is not None
    assert abs(key.expires_at - ends_at) < timedelta(seconds=1)


def test_where_keys_are_not_shown_to_us_their_ends_are_not_asked_for_again(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    for name in ("One", "Two"):
        arrivals.admin.change_key(theirs.id, name=name)
        arrivals.all_of(theirs.account)

    assert len(arrivals.admin.requests(path=f"/v2/iam/api_keys/{theirs.id}")) == 1


def test_revealed_key_is_noted_in_its_history(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.emit(IAM + "default_secret_revealed", account=theirs.account, data={"api_key": theirs.id})

    event = arrivals.of(IAM + "default_secret_revealed", theirs.account)

    assert event.outcome == "applied"
    assert "The key was revealed in the Stripe Dashboard." in history(key)


def test_rotation_with_an_overlap_is_told_with_its_end(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.switch(api_key_write_approved=True)
    successor = arrivals.admin.rotate_key(theirs.id, overlap=3_600)

    event = arrivals.of(IAM + "rotated", theirs.account)

    assert (event.outcome, event.stripe_key_id, event.new_stripe_key_id) == (
        "applied",
        theirs.id,
        successor["id"],
    )
    after = after_checks(key)
    assert (after.status, after.successor_stripe_key_id) == (Status.ACTIVE, successor["id"])
    assert after.expires_at is not None
    assert timedelta(minutes=58) < after.expires_at - timezone.now() < timedelta(minutes=62)
    assert Notice.objects.filter(dedupe_key__startswith=f"rotated:{key.pk}").count() == 1


def test_rotation_is_told_without_its_end_where_stripe_does_not_tell_us(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.rotate_key(theirs.id, overlap=3_600)

    arrivals.of(IAM + "rotated", theirs.account)

    after = after_checks(key)
    assert (after.is_expiring, after.expires_at) == (True, None)


def test_rotation_without_an_overlap_ends_the_key(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.rotate_key(theirs.id)

    arrivals.of(IAM + "rotated", theirs.account)

    assert after_checks(key).status == Status.EXPIRED


def test_expired_key_is_confirmed_and_ended(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.expire_key(theirs.id, lag=0)

    event = arrivals.of(IAM + "expired", theirs.account)

    assert event.outcome == "applied"
    assert after_checks(key).status == Status.EXPIRED


def test_expiry_of_another_key_of_the_account_ends_nothing(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    other = at_stripe.key(theirs.account)
    arrivals.admin.expire_key(other.id, lag=0)

    event = arrivals.of(IAM + "expired", theirs.account)

    assert (event.outcome, event.stripe_key_id) == ("unmatched", other.id)
    assert after_checks(key).status == Status.ACTIVE


def test_lie_about_an_expiry_is_not_believed(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.emit(IAM + "expired", account=theirs.account, data={"api_key": theirs.id})

    arrivals.of(IAM + "expired", theirs.account)

    assert after_checks(key).status == Status.ACTIVE


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_order_of_arrival_does_not_matter(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, order: str
) -> None:
    arrivals.admin.add_treatment(kind=IAM, times=None, hold=True)
    arrivals.admin.change_key(theirs.id, name="Renamed")
    arrivals.admin.rotate_key(theirs.id, overlap=3_600)
    arrivals.admin.expire_key(theirs.id, lag=0)

    assert arrivals.admin.release(order) == 3
    arrivals.all_of(theirs.account)

    after = after_checks(key)
    assert (after.status, after.successor_stripe_key_id != "") == (Status.EXPIRED, True)


def test_same_event_five_times_is_applied_once(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.add_treatment(kind=IAM, duplicate=4)
    arrivals.admin.rotate_key(theirs.id, overlap=3_600)

    arrivals.all_of(theirs.account)

    after_checks(key)
    rotated = EventNotification.objects.filter(type=IAM + "rotated", stripe_account_id=theirs.account)
    assert rotated.count() == 1
    assert history(key).count("The key was rotated at Stripe.") == 1
    assert Notice.objects.filter(dedupe_key__startswith="rotated:").count() == 1


def test_late_expiry_of_a_replaced_key_leaves_its_successor_alone(
    ada: User, key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.admin.add_treatment(kind=IAM, times=None, hold=True)
    successor = arrivals.admin.rotate_key(theirs.id, overlap=3_600)
    arrivals.admin.expire_key(theirs.id, lag=0)
    new = checked(paste(ada, str(successor["token"])))
    assert new.status == Status.ACTIVE

    arrivals.admin.release()
    arrivals.all_of(theirs.account)

    assert after_checks(new).status == Status.ACTIVE
    key.refresh_from_db()
    assert key.status == Status.REPLACED
