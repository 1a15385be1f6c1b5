"""Commands on users and merchants."""

from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from accounts.models import Membership, Merchant, User

OPS_GROUP = "Ops"
_OPS_APPS = ("accounts", "stripe_keys", "webhooks", "work")


class MerchantIsClosed(Exception):
    """The merchant has closed their account: nothing is stored or connected for them any more."""


@transaction.atomic
def open_merchant(*, user: User, name: str) -> Merchant:
    """Open a merchant with `user` as its owner; whoever has a merchant already gets that one back, unchanged.

    Raises:
        MerchantIsClosed: the merchant they have is closed, and stays so.
    """
    User.objects.select_for_update().get(pk=user.pk)  # two requests of one user open one merchant
    existing = Merchant.objects.filter(memberships__user=user).first()
    if existing is not None:
        if existing.closed_at is not None:
            raise MerchantIsClosed
        return existing
    merchant = Merchant.objects.create(name=name)
    Membership.objects.create(user=user, merchant=merchant, role=Membership.Role.OWNER)
    return merchant


def locked_while_open(merchant: Merchant) -> Merchant:
    """The merchant as the database has it now, locked until the caller's transaction ends: it cannot be closed before.

    Commands lock the merchant first, then installs, then keys.

    Raises:
        MerchantIsClosed: it is too late.
    """
    # Not the stronger lock: whoever holds a key and adds a check of it, which names the merchant, would wait for us
    # while we wait for the key.
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    if merchant.closed_at is not None:
        raise MerchantIsClosed
    return merchant


@transaction.atomic
def ensure_user(*, email: str, password: str) -> User:
    """Return the user of that address, made if missing, with this password and the address verified.

    A password that is right already is left alone: setting it again would end the user's sessions.
    """
    email = email.strip().lower()
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user


@transaction.atomic
def make_staff(*, user: User, superuser: bool) -> None:
    """Let `user` into the ops desk: with every right, or with those of the ops group."""
    user.is_staff = True
    user.is_superuser = superuser
    user.save(update_fields=["is_staff", "is_superuser"])
    if not superuser:
        user.groups.add(ops_group())


def ops_group() -> Group:
    """The group of ops staff: they see what our own apps keep and use the actions offered there.

    What an action may change is the admin page's decision; adding and deleting is nobody's right but a superuser's.
    """
    group, _ = Group.objects.get_or_create(name=OPS_GROUP)
    labels = [label for label in _OPS_APPS if apps.is_installed(label)]
    rights = Permission.objects.filter(content_type__app_label__in=labels)
    group.permissions.set(
        rights.filter(codename__startswith="view_") | rights.filter(codename__startswith="change_")
    )
    return group
