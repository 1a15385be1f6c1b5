"""The same key pasted again: found by its fingerprints, one paste after the other."""

from collections.abc import Iterable

from django.db import connection

from accounts.models import Merchant
from stripe_keys import contradictions
from stripe_keys.models import RestrictedKey
from stripe_keys.purposes import ServesAnother


def take_turns(digests: Iterable[bytes]) -> None:
    """Let one paste of the same key after the other look whether it is here, until their transactions end.

    The database holds each fingerprint once; while fingerprint keys are being rotated, two processes may each have
    their own idea of which fingerprint a new row gets. They meet at any fingerprint key that both know. Always in the
    same order, so that nobody waits for somebody who waits for them.
    """
    with connection.cursor() as cursor:
        for number in sorted(int.from_bytes(digest[:8], signed=True) for digest in digests):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def brought_before(merchant: Merchant, digests: list[bytes], purpose: str) -> RestrictedKey | None:
    """The merchant's own key of one of these fingerprints, if it is kept; locked.

    Raises:
        ServesAnother: it is kept for another purpose.
    """
    kept = RestrictedKey.objects.kept().filter(fingerprint__in=digests, merchant=merchant)
    own = kept.select_for_update(of=("self",)).first()
    if own is None or contradictions.ended_as_put_back(own):
        return None
    if own.purpose != purpose:
        raise ServesAnother(own.purpose)
    return own
