"""Who signs in (User), for whom (Merchant), and what a merchant is told by mail (Notice)."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from work.models import DueRow


class UserManager(BaseUserManager["User"]):
    """Makes users who are known by their e-mail address."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store and return a user; without a password they cannot sign in until they set one."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store and return a user with every right in the ops desk."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class User(AbstractUser):
    """A person who signs in by e-mail address: someone of a merchant, or staff."""

    username = None  # type: ignore[assignment]  # people are known by their address alone
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta(AbstractUser.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # "unique" compares letter by letter; two users must not differ by capitals alone.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email


class MerchantQuerySet(models.QuerySet["Merchant"]):
    """Merchants, narrowed to those somebody may see."""

    def visible_to(self, user: Any) -> "MerchantQuerySet":
        """The merchants that `user` belongs to; staff look at merchants in the ops desk, not here."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(memberships__user=user, closed_at__isnull=True)

    def closed_for(self, user: Any) -> "MerchantQuerySet":
        """The closed merchants that `user` belonged to: they see what was erased, and nothing else."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(memberships__user=user, closed_at__isnull=False)


class Merchant(models.Model):
    """A company that connects its Stripe account: the tenant that everything else belongs to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = MerchantQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in a merchant; for now each user has exactly one."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        MEMBER = "member", "Member"

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="membership")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(role__in=["owner", "member"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.merchant}"


class Notice(DueRow):
    """A mail to everybody of a merchant, or to ops; the row waits until the mail server has taken it.

    `dedupe_key` is unique: whoever tells the same thing twice is heard once. No secret is ever part of a notice.
    """

    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.CASCADE,
        related_name="notices",
        null=True,
        blank=True,
        help_text="Nobody: ops.",
    )
    subject = models.CharField(max_length=200)
    body = models.TextField()
    dedupe_key = models.CharField(max_length=200, unique=True)

    class Meta(DueRow.Meta):
        pass

    def __str__(self) -> str:
        return self.subject
