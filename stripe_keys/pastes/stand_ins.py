"""A key that one merchant has and another pastes: the second paste goes the way of every useless key, and ops are told.

Whoever tries stolen keys must not learn which of them somebody has connected here. So such a paste is a row like any
other, checked by the worker at the same pace; only what it keeps is a made-up text, which Stripe refuses by itself.
"""

import secrets
import string
from datetime import timedelta

from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys.models import RestrictedKey
from stripe_keys.secret import Secret

_ALPHABET = string.ascii_letters + string.digits
_LETTERS = 95  # with the last four characters as long as Stripe's own
_LOOKED_BACK = timedelta(days=1)


def holder_of(marks: list[bytes]) -> RestrictedKey | None:
    """The kept key that holds the very text with one of these fingerprints."""
    return RestrictedKey.objects.kept().originals().filter(fingerprint__in=marks).first()


def made_up(secret: Secret) -> Secret:
    """A text with the look of `secret`, of the same mode and last four characters, that is nobody's key."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    return Secret(f"rk_{'live' if secret.livemode else 'test'}_{letters}{secret.last4}")


def tell_ops_of_new_ones() -> None:
    """Tell ops, once per key and day, that one merchant's key was pasted for another. Called every minute.

    Not by the paste itself: it must take no longer than that of any other key.
    """
    since = timezone.now() - _LOOKED_BACK
    recent = RestrictedKey.objects.filter(created_at__gt=since, stands_in_for__isnull=False)
    for key in recent.select_related("stands_in_for"):
        if key.stands_in_for is not None:
            _tell_ops(key.stands_in_for, key)


def _tell_ops(key: RestrictedKey, stand_in: RestrictedKey) -> None:
    """One key in two merchants' hands is a thief's or a mistake of theirs: either is worth a look."""
    tell_ops(
        subject="A key that is kept for one merchant was pasted for another",
        body=f"The key {key.pk} of merchant {key.merchant_id} was pasted for merchant {stand_in.merchant_id}. That"
        " paste was refused as any useless key is; neither merchant was told.\n\nLook at the pastes (Key submissions)"
        " in the ops desk: somebody may be testing stolen keys.",
        dedupe_key=f"second-merchant:{key.pk}:{stand_in.created_at:%Y%m%d}",
    )
