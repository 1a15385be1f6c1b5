"""What the usage ledger says of a key."""

from stripe_keys import usage
from stripe_keys.models import KeyUsage, RestrictedKey

Counted = dict[tuple[str, str, str], int]


def counted(key: RestrictedKey) -> Counted:
    """How often `key` was used for what: by method, template and outcome, once everything noted is written."""
    usage.flush()
    rows = KeyUsage.objects.filter(key=key)
    return {(row.method, row.template, row.outcome): row.count for row in rows}
