"""The catalogue of permissions: what Stripe's screens call each one, and the harmless request that proves it.

A request is harmless if it changes nothing whether it is allowed or not: a list of one, a look at an object that cannot
exist, or a write that names such an object or lacks what Stripe requires. Stripe looks at permission first, so a 400 or
404 proves that it is there. What has no such request is in `WITHOUT_PROBE`. Sources: `docs/stripe-assumptions.md`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stripe_keys.catalogue.gaps import WITHOUT_PROBE, Unprobed
from stripe_keys.catalogue.table import RESOURCES, Resource

__all__ = ["PROBES", "WHOSE", "WITHOUT_PROBE", "Probe", "Unprobed", "link_name_of"]


@dataclass(frozen=True)
class Probe:
    """A harmless request, without a body, that answers 403 without the permission and anything else with it.

    `may_need` are permissions whose absence Stripe is known to name for the same request: then nothing is known.
    `refused_without` are the parameters that Stripe requires of a request that names no object.
    """

    permission: str
    label: str
    path: str
    method: str = "get"
    may_need: tuple[str, ...] = ()
    refused_without: tuple[str, ...] = ()
    section: str = ""
    link_name: str = ""

    @property
    def access(self) -> str:
        """`read` or `write`, as the Dashboard's columns say."""
        return self.permission.rpartition("_")[2]


def _probes_of(resource: Resource) -> Iterator[Probe]:
    if resource.read:
        yield Probe(
            f"{resource.name}_read",
            resource.label,
            resource.read,
            may_need=resource.read_may_need,
            section=resource.section,
            link_name=f"{resource.link_name or resource.name}_read",
        )
    if resource.write:
        yield Probe(
            f"{resource.name}_write",
            resource.label,
            resource.write,
            method="post",
            refused_without=resource.refused_without,
            section=resource.section,
            link_name=f"{resource.link_name or resource.name}_write",
        )


PROBES: dict[str, Probe] = {
    probe.permission: probe for resource in RESOURCES for probe in _probes_of(resource)
}
WHOSE = PROBES["connected_account_read"]


def link_name_of(permission: str) -> str:
    """What the Dashboard's links call `permission`: `rak_topup_read` for `top_up_read`."""
    probe = PROBES.get(permission)
    return f"rak_{probe.link_name if probe else permission}"
