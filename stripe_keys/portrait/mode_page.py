"""What the page about a mode's keys shows: who brings them, what is going on, and what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.models import Merchant
from stripe_keys import managed_problems, permissions, purpose_addresses, sentences
from stripe_keys.managed import arrangements
from stripe_keys.models import (
    DEFAULT_PURPOSE,
    KeyManagement,
    Minting,
    PublishableKey,
    RestrictedKey,
)
from stripe_keys.sentences import managed_keys
from stripe_keys.sentences.notices import Link, Notice

Status = RestrictedKey.Status
_OPEN = (Minting.State.WAITING, Minting.State.CLAIMED)
_SOON = timedelta(seconds=30)
_NOTHING_TO_DO = " There is nothing for you to do."
_NOT_MADE, _GIVEN_UP = "Not made", "Not renewed"
SLOW = timedelta(seconds=40)


@dataclass(frozen=True)
class ManagedPortrait:
    """How the keys of one merchant and mode come; `pace` is how often the page asks again, empty when settled."""

    mode: str
    is_offered: bool
    is_on: bool
    account: str
    in_use: RestrictedKey | None
    pending: RestrictedKey | None
    is_being_made: bool
    next_rotation_at: datetime | None
    chosen_at: datetime | None
    publishable: str
    pace: str
    notice: Notice | None
    pill: tuple[str, str]
    headline: str
    purpose: str = DEFAULT_PURPOSE

    @property
    def rotation_days(self) -> int:
        """After how many days the app makes a new key."""
        return int(settings.MANAGED_KEY_ROTATION_DAYS)

    @property
    def asked_for(self) -> int:
        """How many permissions the app asks for."""
        return len(permissions.required(self.purpose))

    @property
    def is_troubled(self) -> bool:
        """Whether the last key could not be made, so that what comes next is another try."""
        return self.pill[1] == _NOT_MADE

    @property
    def version(self) -> str:
        """Changes whenever the page does, so that a poll without news needs no new page."""
        keys = [f"{key.pk}.{key.status}" for key in (self.in_use, self.pending) if key is not None]
        title = self.notice.title if self.notice else ""
        return f"{self.pill[0]}-{self.is_being_made}-{'-'.join(keys)}-{len(title)}-{self.pace}"


def is_shown(merchant: Merchant, *, livemode: bool, purpose: str = DEFAULT_PURPOSE) -> bool:
    """Whether there is such a page: where the app's keys are offered, or were chosen while they were."""
    return arrangements.is_offered(livemode=livemode) or _management(merchant, livemode, purpose) is not None


def may_be_chosen(merchant: Merchant, *, livemode: bool, purpose: str = DEFAULT_PURPOSE) -> bool:
    """Whether the merchant can have the app make the keys now: offered, connected, and not chosen yet."""
    if not arrangements.is_offered(livemode=livemode) or not connected_account(merchant, livemode=livemode):
        return False
    management = _management(merchant, livemode, purpose)
    return management is None or not management.is_on


def connected_account(merchant: Merchant, *, livemode: bool) -> str:
    """The account for which the app would make keys; empty while Stripe has connected none."""
    install = arrangements.connected_install(merchant, livemode=livemode)
    return install.stripe_account_id if install is not None else ""


def draw(
    merchant: Merchant, *, livemode: bool, now: datetime, purpose: str = DEFAULT_PURPOSE
) -> ManagedPortrait:
    """The portrait of `merchant`'s keys of that mode and purpose at the moment `now`."""
    management = _management(merchant, livemode, purpose)
    is_on = management is not None and management.is_on
    account = connected_account(merchant, livemode=livemode)
    if management is not None and is_on:
        account = management.stripe_account_id
    kept = RestrictedKey.objects.kept().filter(merchant=merchant, livemode=livemode, purpose=purpose)
    pending = kept.filter(status=Status.PENDING).first()
    in_use = kept.filter(status__in=RestrictedKey.USABLE).first()
    making = _being_made(management)
    notice = _notice(management, making, pending, in_use, now)
    words = _words(management, making, pending, in_use, account)
    if notice is not None:  # what there is to do, it says
        words["headline"] = words["headline"].removesuffix(_NOTHING_TO_DO)
    return ManagedPortrait(
        mode="live" if livemode else "test",
        is_offered=arrangements.is_offered(livemode=livemode),
        is_on=is_on,
        account=account,
        in_use=in_use,
        pending=pending,
        is_being_made=making is not None,
        next_rotation_at=management.next_rotation_at if management is not None and is_on else None,
        chosen_at=management.chosen_at if management is not None else None,
        publishable=_publishable(merchant, livemode, account),
        pace=_pace(is_on, making, pending, now),
        notice=notice,
        **words,
        purpose=purpose,
    )


def _management(merchant: Merchant, livemode: bool, purpose: str) -> KeyManagement | None:
    return arrangements.management_of(merchant, livemode=livemode, purpose=purpose)


def _being_made(management: KeyManagement | None) -> Minting | None:
    if management is None or not management.is_on:
        return None
    return Minting.objects.filter(management=management, state__in=_OPEN).first()


def _publishable(merchant: Merchant, livemode: bool, account: str) -> str:
    found = PublishableKey.objects.filter(merchant=merchant, livemode=livemode, stripe_account_id=account)
    return found.values_list("text", flat=True).first() or ""


def _pace(is_on: bool, making: Minting | None, pending: RestrictedKey | None, now: datetime) -> str:
    if making is not None:
        return "2s" if making.due_at - now < _SOON and not _asks_its_merchant(pending) else "10s"
    return "2s" if is_on and pending is not None and pending.is_app_managed else ""


def _asks_its_merchant(pending: RestrictedKey | None) -> bool:
    return pending is not None and (pending.awaits_account_confirmation or pending.awaits_account_id)


def _words(
    management: KeyManagement | None,
    making: Minting | None,
    pending: RestrictedKey | None,
    in_use: RestrictedKey | None,
    account: str,
) -> dict[str, Any]:
    is_on = management is not None and management.is_on
    if management is not None and is_on and not arrangements.is_offered(livemode=management.livemode):
        said = (
            f"This is not offered in {management.mode} mode any more, so no new key is made. Bring your own."
        )
        return {"pill": ("limited", _GIVEN_UP), "headline": said}
    return {
        "pill": _pill(is_on, making, pending, in_use, management),
        "headline": _headline(is_on, making, pending, in_use, account),
    }


def _pill(
    is_on: bool,
    making: Minting | None,
    pending: RestrictedKey | None,
    in_use: RestrictedKey | None,
    management: KeyManagement | None,
) -> tuple[str, str]:
    if not is_on:
        return "removed", "By you"
    if making is not None:
        return "pending", "Being made"
    if pending is not None:
        return "pending", "Being checked"
    if management is not None and management.problem:
        return "limited", _NOT_MADE
    return ("active", "By the app") if in_use is not None else ("pending", "By the app")


def _headline(
    is_on: bool,
    making: Minting | None,
    pending: RestrictedKey | None,
    in_use: RestrictedKey | None,
    account: str,
) -> str:
    if not is_on:
        return _headline_of_own(in_use, account)
    if making is not None:
        serves = " The key in use goes on working meanwhile." if in_use is not None else ""
        return f"A key is being made at Stripe. That takes a few seconds.{serves}"
    if pending is not None:
        return "The new key is there, and is being checked before it is used."
    if in_use is None:
        return "The app makes and renews the key, but there is none at the moment."
    if not in_use.is_app_managed:
        return "The key that you pasted is in use until the app has made one."
    return f"The app makes the key, renews it and ends the old one.{_NOTHING_TO_DO}"


def _headline_of_own(in_use: RestrictedKey | None, account: str) -> str:
    if in_use is not None and in_use.is_app_managed:
        return "You bring the keys yourself. The one that the app made serves until one of yours is proven."
    if not account:
        return (
            "Connect your Stripe account first, on Stripe’s own page; then the app can make the key for you."
        )
    return "You bring the keys yourself: you copy them in Stripe and paste them here."


def _notice(
    management: KeyManagement | None,
    making: Minting | None,
    pending: RestrictedKey | None,
    in_use: RestrictedKey | None,
    now: datetime,
) -> Notice | None:
    if management is None or not management.is_on:
        return None
    if making is not None:
        return _while_being_made(making, pending, now)
    if management.problem:
        words = managed_keys.problem_words(management.problem)
        own = Link(_address("managed_off", management), "Bring your own key")
        again = Link(_address("managed_renew", management), "Try again now", is_main=True)
        install = Link(purpose_addresses.of_connecting(management.mode), "Install the app")
        ways = (again, install, own) if management.problem == managed_problems.NOT_INSTALLED else (again, own)
        return Notice("warning", "The app could not make a key", words, ways)
    return sentences.needs_attention(in_use, now) if in_use is not None else None


def _while_being_made(making: Minting, pending: RestrictedKey | None, now: datetime) -> Notice | None:
    if pending is not None and not pending.is_app_managed:
        text = f"The key {pending.display}, which you pasted before, is checked first. The app’s key comes after it."
        page = Link(sentences.page_address(pending), "See how far it is")
        return Notice("info", "A pasted key comes first", text, (page,))
    if now - making.created_at < SLOW:
        return None
    text = "We go on trying, for hours if need be. You can leave this page; a key that is in use goes on working."
    own = Link(_address("managed_off", making.management), "Bring your own key")
    return Notice("info", "This takes longer than usual", text, (own,))


def _address(name: str, management: KeyManagement) -> str:
    return purpose_addresses.of_managing(name, management.mode, management.purpose)
