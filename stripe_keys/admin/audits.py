"""The vault's audits in the ops desk: when, how long, what was counted, and where to find what is not in order."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from stripe_keys import audit
from stripe_keys.models import VaultAudit
from work.admin import OpsPage, short

# Which page of the desk shows a row of a kind; kinds without one are named and not linked.
_PAGES = {
    "restricted_key": "admin:stripe_keys_restrictedkey_change",
    "data_key": "admin:stripe_keys_merchantdatakey_change",
    "site_data_key": "admin:stripe_keys_sitedatakey_change",
}


class StandingFilter(admin.SimpleListFilter):
    """Audits that are under way, and those that are not."""

    title, parameter_name = "standing", "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("finished", "Finished"), ("under_way", "Under way")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The audits that stand so."""
        if self.value() not in ("finished", "under_way"):
            return queryset
        return queryset.filter(finished_at__isnull=self.value() == "under_way")


@admin.register(VaultAudit)
class VaultAuditPage(OpsPage):
    """Audits, newest first; `manage.py audit_vault` makes one at once."""

    list_display = ("began", "took", "result", "found")
    list_filter = (StandingFilter,)
    date_hierarchy = "started_at"
    ordering = ("-started_at",)
    fields = ("started_at", "finished_at", "took", "result", "counted", "what_is_wrong", "what_to_do")

    @admin.display(description="Began (UTC)", ordering="started_at")
    def began(self, row: VaultAudit) -> str:
        """When."""
        return short(row.started_at)

    @admin.display(description="Took")
    def took(self, row: VaultAudit) -> str:
        """How long, in words."""
        if row.finished_at is None:
            return "-"
        seconds = (row.finished_at - row.started_at).total_seconds()
        return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

    @admin.display(description="Result")
    def result(self, row: VaultAudit) -> str:
        """In three words at most."""
        if row.finished_at is None:
            return "Under way"
        if row.cursor.get("braked"):
            return "Not in order; nobody quarantined"
        return "In order" if audit.is_in_order(row) else "Not in order"

    @admin.display(description="Found")
    def found(self, row: VaultAudit) -> str:
        """How many rows of each class."""
        return audit.in_short(row)

    @admin.display(description="Counted")
    def counted(self, row: VaultAudit) -> SafeString | str:
        """A table of kinds and of the classes that occurred."""
        if not row.counts:
            return "Nothing yet"
        occurred = [
            each for each in audit.Class if any(by_class.get(each) for by_class in row.counts.values())
        ]
        head = format_html_join("", "<th>{}</th>", ((each.value,) for each in occurred))
        lines = [
            (kind.replace("_", " "), _cells(by_class, occurred))
            for kind, by_class in sorted(row.counts.items())
        ]
        body = format_html_join("", "<tr><th>{}</th>{}</tr>", lines)
        table = (
            '<div class="results"><table><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table></div>'
        )
        return format_html(table, head, body)

    @admin.display(description="Findings")
    def what_is_wrong(self, row: VaultAudit) -> SafeString | str:
        """The first rows that are not in order, each linked to its page."""
        if not row.findings:
            return "None"
        named = [(_linked(found), found["class"]) for found in row.findings]
        listed = format_html_join("", "<p>{}: {}</p>", named)
        more = f"Only the first {audit.LISTED} are kept." if len(named) >= audit.LISTED else ""
        return format_html("{}{}", listed, more)

    @admin.display(description="What to do")
    def what_to_do(self, row: VaultAudit) -> SafeString | str:
        """What was done, and what people must do."""
        if row.finished_at is None:
            return "It goes on by itself."
        return format_html_join("", "<p>{}</p>", ((each,) for each in audit.what_to_do(row))) or "Nothing."


def _cells(by_class: dict[str, int], classes: list[audit.Class]) -> SafeString:
    return format_html_join("", "<td>{}</td>", ((by_class.get(each, 0),) for each in classes))


def _linked(found: dict[str, str]) -> SafeString:
    kind, row_id = found["kind"], found["id"]
    named = f"{kind.replace('_', ' ')} {row_id}"
    try:
        address = reverse(_PAGES[kind], args=[row_id])
    except (KeyError, NoReverseMatch):
        return format_html("{}", named)
    return format_html('<a href="{}">{}</a>', address, named)
