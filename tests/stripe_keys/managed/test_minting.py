"""The app makes a key: once, whatever is lost on the way, and stores it like any other."""

from stripe_keys.models import RestrictedKey, Retirement
from tests.stripe_keys.managed.conftest import Managed

Status = RestrictedKey.Status


def test_app_makes_a_key_and_it_is_proven(managed: Managed) -> None:
    managed.choose_app()

    managed.work()

    key = managed.key()
    assert (key.status, key.managed_by, key.stripe_account_id) == (Status.ACTIVE, "app", managed.account)
    assert managed.living_at_stripe() == {key.stripe_key_id}
    minting = managed.minting()
    assert (minting.outcome, minting.delivery_key, minting.delivered) == ("made", "", "")


def test_answer_that_was_lost_leads_to_the_same_key(managed: Managed) -> None:
    managed.at_stripe.admin.add_fault(kind="reset", path="/v2/iam/api_keys", method="POST", moment="after")
    managed.choose_app()

    managed.work()
    type(managed.minting()).objects.update(due_at="2026-01-01T00:00:00Z")
    managed.work()

    assert managed.living_at_stripe() == {managed.key().stripe_key_id}
    assert managed.asked() == ["POST", "POST"]


def test_new_key_takes_over_and_the_old_one_dies_at_stripe(managed: Managed) -> None:
    management = managed.choose_app()
    managed.work()
    old = managed.key()
    type(management).objects.update(next_rotation_at="2026-01-01T00:00:00Z")

    from stripe_keys.managed import schedule

    schedule.plan()
    managed.work()

    new = managed.key()
    assert new.pk != old.pk
    assert managed.living_at_stripe() == {new.stripe_key_id}
    retirement = Retirement.objects.get()
    assert (retirement.key_id, retirement.outcome, retirement.sealed) == (old.pk, "refused", "")
