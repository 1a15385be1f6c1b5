"""Rows of mintings: asking for a key that the app makes, in the caller's transaction; one at a time for each place."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from accounts.models import User
from stripe_keys import purposes
from stripe_keys.models import KeyManagement, Minting, RestrictedKey
from work import bell

QUEUE = "mintings"
# A key that dies, or that somebody rotates, again and again is made anew at this pace.
AFTER_A_DEATH = timedelta(minutes=10)
# What merchants ask for is made at once, but so often only: each key costs Stripe calls and ends the one before it.
ASKED_AT_MOST, ASKED_WITHIN = 5, timedelta(hours=1)
_BY_MERCHANTS = (Minting.Reason.FIRST, Minting.Reason.ASKED)
_AT_A_PACE = (Minting.Reason.DIED, Minting.Reason.ENDING)
_OPEN = (Minting.State.WAITING, Minting.State.CLAIMED)


class AskedTooOften(Exception):
    """The merchant has had many keys made within the hour; `retry_after` says when the next one may be asked for."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("Many keys were asked for within the hour.")
        self.retry_after = retry_after


def request(
    management: KeyManagement, *, reason: str, now: datetime, requested_by: User | None = None
) -> Minting | None:
    """Have a key made; None if one is being made already, the merchant brings the keys, or nobody needs them any more.

    The caller holds the lock of the management.

    Raises:
        AskedTooOften: it is a merchant's wish, and not the first of this hour.
    """
    is_offered = management.mode in settings.MANAGED_KEYS
    is_wanted = is_offered and management.is_on and purposes.is_defined(management.purpose)
    if not is_wanted or Minting.objects.filter(management=management, state__in=_OPEN).exists():
        return None
    _count_wish(management, reason, now)
    in_use = RestrictedKey.objects.usable().filter(
        merchant=management.merchant_id, livemode=management.livemode, purpose=management.purpose
    )
    replaces = in_use.filter(managed_by=RestrictedKey.ManagedBy.APP).first()
    may_overlap = settings.MANAGED_KEY_ROTATION == Minting.How.ROTATE
    is_overlap = may_overlap and replaces is not None and not _is_rotated(replaces)
    minting = Minting.objects.create(
        lane=str(management.merchant_id),
        management=management,
        reason=reason,
        how=Minting.How.ROTATE if is_overlap else Minting.How.CREATE,
        requested_by=requested_by,
        replaces=replaces,
        due_at=Now() + _rest(management, now) if reason in _AT_A_PACE else Now(),
    )
    bell.ring_on_commit(QUEUE, minting.lane)
    return minting


def _count_wish(management: KeyManagement, reason: str, now: datetime) -> None:
    if reason not in _BY_MERCHANTS:
        return
    wishes = Minting.objects.filter(
        management=management, reason__in=_BY_MERCHANTS, created_at__gt=now - ASKED_WITHIN
    )
    latest = list(wishes.order_by("-created_at").values_list("created_at", flat=True)[:ASKED_AT_MOST])
    if len(latest) == ASKED_AT_MOST:
        raise AskedTooOften(latest[-1] + ASKED_WITHIN - now)


def locked(management: KeyManagement) -> KeyManagement:
    """The management as the database has it now, locked after the keys of its place, as checks do."""
    kept = RestrictedKey.objects.kept().filter(
        merchant=management.merchant_id, livemode=management.livemode, purpose=management.purpose
    )
    list(kept.locked_in_turn().values_list("pk"))
    return KeyManagement.objects.select_for_update().get(pk=management.pk)


def _is_rotated(key: RestrictedKey) -> bool:
    """Whether Stripe has a new key in its place already, so that it is rotated no more."""
    ours = Minting.objects.filter(replaces=key, how=Minting.How.ROTATE).exclude(stripe_key_id="")
    return key.rotated_at is not None or ours.exists()


def key_died(key: RestrictedKey, now: datetime) -> None:
    """A key that the app made has ended at Stripe: make another, unless the merchant brings the keys."""
    _in_place_of(key, Minting.Reason.DIED, now)


def key_was_rotated(key: RestrictedKey, now: datetime) -> None:
    """Stripe has a new key in the place of one that the app made: make another, unless the app itself asked for that.

    Somebody did it in the Dashboard, and we cannot have the text of that key.
    """
    ours = Minting.objects.filter(replaces=key, how=Minting.How.ROTATE).exclude(body={})
    if not ours.exists():
        _in_place_of(key, Minting.Reason.ENDING, now)


def _in_place_of(key: RestrictedKey, reason: str, now: datetime) -> None:
    if not key.is_app_managed:
        return
    management = (
        KeyManagement.objects.select_for_update()
        .filter(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)
        .first()
    )
    if management is not None:
        request(management, reason=reason, now=now)


def _rest(management: KeyManagement, now: datetime) -> timedelta:
    last = Minting.objects.filter(management=management).order_by("-created_at").first()
    if last is None or last.reason not in _AT_A_PACE:
        return timedelta()
    return max(last.created_at + AFTER_A_DEATH - now, timedelta())
