"""`manage.py write_api_paths`: write the lists of Stripe's paths and calls anew, after the SDK was upgraded."""

from typing import Any

from django.core.management.base import BaseCommand

from stripe_keys.catalogue import api_paths
from stripe_keys.required_permissions import calls
from stripe_keys.required_permissions.sdk import lists
from stripe_keys.required_permissions.sdk.calls import all_calls


class Command(BaseCommand):
    """For developers: reads the installed SDK's source, which it does not import, and overwrites both lists."""

    help = "Write stripe_keys/catalogue/api_paths.txt and sdk_calls.txt from the source of the installed Stripe SDK."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the SDK, write both files, say how much is in them."""
        found = all_calls()
        paths = lists.api_paths(found, before=api_paths.known())
        api_paths.LIST.write_text(paths, encoding="ascii")
        calls.LIST.write_text(lists.sdk_calls(found), encoding="ascii")
        self.stdout.write(f"{paths.count(chr(10)) - 1} paths, {len(found)} calls.")
