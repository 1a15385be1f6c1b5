"""What no survey looks at, because no harmless request proves it: the report says so, and claims nothing about it."""

from dataclasses import dataclass

from stripe_keys import needs, permissions
from stripe_keys.catalogue import PROBES, WITHOUT_PROBE, implied_permissions
from stripe_keys.catalogue.table import RESOURCES
from stripe_keys.models import RestrictedKey

_LABELS = {resource.name: resource.label for resource in RESOURCES} | {
    "api_key": "API keys",
    "sku": "SKUs",
    "stripecli_session": "Stripe CLI sessions",
}


@dataclass(frozen=True)
class BlindSpot:
    """One resource that we know nothing or half of: what `access` to it a key has is not looked at."""

    resource: str
    label: str
    access: str
    """`read`, `write`, or `read and write`."""

    @property
    def is_half(self) -> bool:
        """Whether the other half of it is looked at."""
        return any(f"{self.resource}_{access}" in PROBES for access in ("read", "write"))


def blind_spots(key: RestrictedKey | None = None) -> list[BlindSpot]:
    """Every resource with a permission that is not asked about, apart from what comes with what `key` needs.

    Without a key: with what the app's manifest asks for.
    """
    required = needs.of(key) if key else permissions.required()
    expected = implied_permissions.included_in(one.permission for one in required)
    found: dict[str, list[str]] = {}
    for one in WITHOUT_PROBE:
        if one.permission not in expected:
            resource, _, access = one.permission.rpartition("_")
            found.setdefault(resource, []).append(access)
    spots = [BlindSpot(name, _label(name), " and ".join(sorted(rights))) for name, rights in found.items()]
    return sorted(spots, key=lambda spot: spot.label)


def _label(resource: str) -> str:
    return _LABELS.get(resource) or resource.replace("_", " ").capitalize()
