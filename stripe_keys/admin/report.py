"""What a key can do and is used for, on its page in the ops desk: the merchant's report, to look at."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils import timezone

from stripe_keys.models import RestrictedKey
from stripe_keys.portrait import least_privilege
from work.admin import OpsPage


class ReportOnKey(OpsPage):
    """A page of a key that shows the report as the field `rights`."""

    @admin.display(description="Rights")
    def rights(self, key: RestrictedKey) -> str:
        """What the app needs, what the key can do beyond that, and what it was used for."""
        report = least_privilege.draw(key, now=timezone.now())
        return render_to_string(
            "admin/stripe_keys/restrictedkey/_report.html", {"report": report, "key": key}
        )
