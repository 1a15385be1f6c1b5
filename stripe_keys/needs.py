"""What one key needs: what its purpose asks for, or, where the partner has given that up, what it last needed."""

from django.db.models import Max

from stripe_keys import catalogue, permissions, purposes
from stripe_keys.manifest import RequiredPermission
from stripe_keys.models import PermissionCheck, RestrictedKey, Validation

_GIVEN_UP = "Needed for what this key was for."


def of(key: RestrictedKey) -> tuple[RequiredPermission, ...]:
    """The permissions that `key` is checked for.

    A key of a purpose that is no longer in KEY_PURPOSES stays as it is: nobody asks its merchant for more or less. If
    it never was checked, it needs what the manifest asks for.

    Raises:
        ManifestError: the purpose's file cannot be used.
    """
    if purposes.is_defined(key.purpose):
        return permissions.required(key.purpose)
    return last_needed(key) or permissions.required()


def last_needed(key: RestrictedKey) -> tuple[RequiredPermission, ...]:
    """What `key` was last checked for, without what surveys asked beyond that; empty if it never was."""
    asked = PermissionCheck.objects.filter(key=key).exclude(validation__reason=Validation.Reason.SURVEY)
    # A check in progress has taken over some of the rows of the last one that ended.
    ended = asked.filter(validation__state=Validation.State.DONE).aggregate(last=Max("validation_id"))["last"]
    asked = asked.filter(validation_id__gte=ended or 0).order_by("permission")
    return tuple(
        RequiredPermission(name, _GIVEN_UP, permissions.label_of(name))
        for name in asked.values_list("permission", flat=True)
        if name in catalogue.PROBES
    )
