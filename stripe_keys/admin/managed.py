"""Keys that the app makes, in the ops desk: whose they are, what is being made, what is being ended; never a key."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from stripe_keys import managed_problems
from stripe_keys.managed import arrangements
from stripe_keys.models import KeyManagement, Minting, PublishableKey, Retirement
from work.admin import DUE_ROW_FIELDS, DueRowPage, ModeFilter, OpsPage, mode, short

_OPEN = (Minting.State.WAITING, Minting.State.CLAIMED)


class CodeFilter(admin.AllValuesFieldListFilter):
    """By a code; Django's own has a link without words where there is none."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Each code, and "none"."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "none"}


class WhoFilter(admin.SimpleListFilter):
    """By who brings the keys; "By is on: yes, no" would be Django's."""

    title, parameter_name = "keys come from", "is_on"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("1", "The app"), ("0", "The merchant")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The places of the chosen kind."""
        return queryset.filter(is_on=self.value() == "1") if self.value() in ("0", "1") else queryset


@admin.register(KeyManagement)
class KeyManagementPage(OpsPage):
    """Where the app makes the keys, and where it did."""

    list_display = ("merchant", "which_mode", "purpose", "account", "who", "problem", "next_key")
    list_filter = (WhoFilter, ModeFilter, ("problem", CodeFilter), "purpose")
    list_select_related = ("merchant",)
    search_fields = ("stripe_account_id", "merchant__name", "merchant__memberships__user__email")
    search_help_text = "Account id, merchant, or a member's address"
    ordering = ("-chosen_at",)
    actions = ("make_new",)
    fields = (
        "merchant",
        "which_mode",
        "purpose",
        "stripe_account_id",
        "who",
        "chosen_by",
        "chosen_at",
        "problem",
        "meaning",
        "next_rotation_at",
        "swept_at",
    )

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, management: KeyManagement) -> str:
        """Live or test."""
        return mode(management.livemode)

    @admin.display(description="What that means")
    def meaning(self, management: KeyManagement) -> str:
        """Why the last key was not made, in a sentence."""
        return managed_problems.FOR_OPS.get(management.problem, "")

    @admin.display(ordering="stripe_account_id")
    def account(self, management: KeyManagement) -> str:
        """The Stripe account."""
        return management.stripe_account_id

    @admin.display(description="Keys come from", ordering="is_on")
    def who(self, management: KeyManagement) -> str:
        """Who brings the keys."""
        return "the app" if management.is_on else "the merchant"

    @admin.display(description="Next key (UTC)", ordering="next_rotation_at")
    def next_key(self, management: KeyManagement) -> str:
        """When the next key is due."""
        return short(management.next_rotation_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeyManagement]:
        """With whether a key is being made."""
        being_made = Minting.objects.filter(management=OuterRef("pk"), state__in=_OPEN)
        return cast(
            QuerySet[KeyManagement], super().get_queryset(request).annotate(is_making=Exists(being_made))
        )

    def offers(self, row: Any) -> set[str]:
        """A new key, where the app makes them and is not at it."""
        return {"make_new"} if row.is_on and not row.is_making else set()

    @admin.action(description="Make a new key now …", permissions=["act"])
    def make_new(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Have new keys made now, after asking."""
        question = self.ask_first(
            request,
            queryset,
            title="Make a new key",
            consequence="The app makes a new key at Stripe for each of these. The old one serves until the new one is"
            " proven, and is ended at Stripe then. Merchants who bring the keys themselves are left out, and so are"
            " those for whom a key is being made.",
        )
        if question is not None:
            return question
        rows = list(queryset)
        asked = [row for row in rows if self._is_asked(row, request)]
        for row in asked:
            self.note(request, row, "Had a new key made.")
        self.tell(request, len(asked), len(rows), "will get a new key: see Mintings")
        return self.back(request)

    @staticmethod
    def _is_asked(management: KeyManagement, request: HttpRequest) -> bool:
        try:
            arrangements.renew(
                management=management, user=cast(User, request.user), now=timezone.now(), is_ops=True
            )
        except arrangements.NotPossibleNow:
            return False
        return True


@admin.register(Minting)
class MintingPage(DueRowPage):
    """Keys that are being made at Stripe, or were, or could not be. A dead one can be tried again."""

    list_display = ("asked", "management", "reason", "how", "state", "outcome", "problem", "attempts")
    list_filter = ("state", "reason", "how", ("outcome", CodeFilter))
    list_select_related = ("management", "management__merchant")
    search_fields = ("stripe_key_id", "management__stripe_account_id", "management__merchant__name")
    search_help_text = "Key id, account id or merchant"
    date_hierarchy = "created_at"
    fields = (
        "management",
        "reason",
        "how",
        "requested_by",
        "replaces",
        "token",
        "stripe_key_id",
        "key",
        "outcome",
        "meaning",
        "created_at",
        *DUE_ROW_FIELDS,
    )

    @admin.display(description="What that means")
    def meaning(self, minting: Minting) -> str:
        """Why no key was made, in a sentence."""
        return managed_problems.FOR_OPS.get(minting.outcome, "")

    @admin.display(description="Asked for (UTC)", ordering="id")
    def asked(self, minting: Minting) -> str:
        """When it was asked for."""
        return short(minting.created_at)


@admin.register(Retirement)
class RetirementPage(DueRowPage):
    """Keys that are being ended at Stripe, and how that went. A dead one can be tried again."""

    list_display = (
        "noted",
        "stripe_key_id",
        "which_mode",
        "merchant",
        "cause",
        "state",
        "outcome",
        "problem",
    )
    list_filter = ("state", ("outcome", CodeFilter), "cause", ModeFilter)
    list_select_related = ("merchant",)
    search_fields = ("stripe_key_id", "stripe_account_id", "merchant__name")
    search_help_text = "Key id, account id or merchant"
    date_hierarchy = "created_at"
    fields = (
        "stripe_key_id",
        "stripe_account_id",
        "which_mode",
        "merchant",
        "key",
        "cause",
        "expired_at",
        "refused_at",
        "outcome",
        "created_at",
        *DUE_ROW_FIELDS,
    )

    @admin.display(description="Noted (UTC)", ordering="id")
    def noted(self, retirement: Retirement) -> str:
        """When it was noted that the key is to end."""
        return short(retirement.created_at)

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, retirement: Retirement) -> str:
        """Live or test."""
        return mode(retirement.livemode)


@admin.register(PublishableKey)
class PublishableKeyPage(OpsPage):
    """Publishable keys that the app made; they are no secrets."""

    list_display = ("stripe_account_id", "which_mode", "merchant", "stripe_key_id", "made")
    list_filter = (ModeFilter,)
    list_select_related = ("merchant",)
    search_fields = ("stripe_account_id", "stripe_key_id", "merchant__name")
    search_help_text = "Account id, key id or merchant"
    ordering = ("-created_at",)
    fields = ("stripe_account_id", "which_mode", "merchant", "stripe_key_id", "created_at")

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, key: PublishableKey) -> str:
        """Live or test."""
        return mode(key.livemode)

    @admin.display(description="Made (UTC)", ordering="created_at")
    def made(self, key: PublishableKey) -> str:
        """When it was made."""
        return short(key.created_at)
