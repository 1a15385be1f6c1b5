"""The signing secrets in the ops desk: by name, what each is for, when it was last seen, and whether it may go."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from partner_site.ops import ReadOnlyAdmin
from webhooks import secrets_in_use
from webhooks.models import SigningSecretUse
from work.admin import short


@admin.register(SigningSecretUse)
class SigningSecretPage(ReadOnlyAdmin):
    """Every secret that is configured, and every one that was."""

    list_display = ("name", "advice", "role", "seen")  # on a phone the first two are seen
    ordering = ("name",)
    search_fields = ("name",)
    fields = ("name", "role", "advice", "first_seen_at", "last_seen_at", "configured_since")
    readonly_fields = ("role", "advice")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Each with when its successor was last seen."""
        return secrets_in_use.with_successors(super().get_queryset(request))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, under a heading that says what a previous secret is."""
        title = "Signing secrets of the webhook endpoints (a name that ends in .previous is on its way out)"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    @admin.display(description="For")
    def role(self, use: SigningSecretUse) -> str:
        """Current, previous, or no longer configured."""
        return self._standing(use).role

    @admin.display(description="Last seen (UTC)", ordering="last_seen_at")
    def seen(self, use: SigningSecretUse) -> str:
        """When a delivery that was signed with it came last."""
        return short(use.last_seen_at) if use.last_seen_at else "never"

    @admin.display(description="What to do")
    def advice(self, use: SigningSecretUse) -> str:
        """Whether it may be removed, or what is wrong."""
        return self._standing(use).advice

    def _standing(self, use: SigningSecretUse) -> secrets_in_use.Standing:
        current_seen_at = getattr(use, "current_seen_at", None)
        return secrets_in_use.standing(use, current_seen_at=current_seen_at, now=timezone.now())
