"""The app makes a key: once, whatever is lost on the way, and stores it like any other."""

from django.conf import settings

from stripe_keys import vault
from stripe_keys.models import Minting, RestrictedKey, Retirement
from tests.stripe_keys.keys import REQUIRED
from tests.stripe_keys.managed.conftest import Managed, both_modes
from tests.stripe_keys.managed.moments import rotate
from work.engine import revive

Status = RestrictedKey.Status


@both_modes
def test_app_makes_a_key_and_it_is_proven(managed: Managed) -> None:
    managed.choose_app()

    managed.work()

    key = managed.key()
    assert (key.status, key.managed_by, key.stripe_account_id) == (Status.ACTIVE, "app", managed.account)
    assert managed.living_at_stripe() == {key.stripe_key_id}
    minting = managed.minting()
    assert (minting.outcome, minting.delivery_key, minting.delivered) == ("made", "", "")


def test_each_key_is_asked_for_with_a_pair_and_a_name_of_its_own(managed: Managed) -> None:
    managed.at_stripe.admin.add_fault(kind="reset", path="/v2/iam/api_keys")
    managed.choose_app()

    managed.work()

    row = managed.minting()
    public = row.body["public_key"]
    pair = vault.unseal_delivery_key(row.token, row.delivery_key)
    assert (public["id"], public["pem_key"]["data"]) == (str(row.token), pair.public_pem)
    assert row.body["name"].endswith(str(row.token))
    assert sorted(row.body["permissions"]) == sorted(REQUIRED)
    (call,) = managed.at_stripe.admin.requests(path="/v2/iam/api_keys", account=managed.account)
    assert (call["idempotency_key"], call["version"]) == (
        f"minting-{row.token}",
        settings.STRIPE_PREVIEW_VERSION,
    )


@both_modes
def test_new_key_takes_over_and_the_old_one_dies_at_stripe(managed: Managed) -> None:
    managed.choose_app()
    managed.work()
    old = managed.key()

    rotate(managed)

    new = managed.key()
    assert new.pk != old.pk
    assert managed.living_at_stripe() == {new.stripe_key_id}
    retirement = Retirement.objects.get()
    assert (retirement.key_id, retirement.outcome, retirement.sealed) == (old.pk, "refused", "")


def test_dead_minting_is_not_tried_again_beside_another(managed: Managed) -> None:
    managed.choose_app()
    dead = managed.minting()
    Minting.objects.update(state="dead")
    dead.refresh_from_db()
    managed.choose_app()

    assert not revive(dead)

    assert Minting.objects.filter(state="waiting").count() == 1
