"""Whose account a key is of, once Stripe accepts it: Stripe's word, else the merchant's, which must not contradict.

Every function here runs inside the transaction that settles a check, and its caller holds the key's lock.
"""

import logging
from datetime import datetime
from enum import StrEnum
from typing import Any

from accounts.notices import tell_ops
from stripe_keys import binding, catalogue, lifecycle, mails, outgoing, takeover
from stripe_keys.account_names import listed_accounts, short_account
from stripe_keys.gateway.answers import Answer
from stripe_keys.inspection import Inspection, install_of
from stripe_keys.ledger import entries
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.sentences.whose_account import ANOTHER

__all__ = ["ANOTHER"]

log = logging.getLogger(__name__)
Status = RestrictedKey.Status


class Standing(StrEnum):
    """How a pending key that Stripe accepts stands to its merchant."""

    THEIRS = "theirs"
    FOREIGN = "foreign"
    """Of no use here, and nothing may be told about it."""
    REJECTED = "rejected"
    """It has ended here, with a sentence that its merchant may read."""
    ASKED = "asked"
    """The merchant has to say something."""
    UNHEARD = "unheard"
    """Too little was answered; ask again."""


# --- A key that waits to be proven -----------------------------------------------------------------------------------


def settle(key: RestrictedKey, inspection: Inspection, now: datetime) -> Standing:
    """Find out whose the pending `key` is, and write down what follows."""
    named = inspection.stripe_account_id
    if key.account_is_claimed:
        return _settle_claim(key, inspection, now)
    if not named and key.is_app_managed and inspection.is_heard:
        named = key.stripe_account_id  # the very account on which Stripe made it for us
    if not named:
        return _ask_for_the_id(key) if inspection.is_heard else Standing.UNHEARD
    if key.stripe_account_id not in ("", named):
        return Standing.FOREIGN  # it has named another one before: nothing about it can be relied on
    if install_of(key, named):
        RestrictedKey.objects.filter(pk=key.pk).update(stripe_account_id=named, awaits_account_id=False)
        return Standing.THEIRS
    connected = binding.connected_accounts(key)
    if connected and binding.is_known_to_be_theirs(key, named):
        said = f"It belongs to {short_account(named)}; connected in {key.mode} mode is {listed_accounts(connected)}."
        return _reject(key, said, "not_the_connected_account", stripe_account_id=named)
    if connected or binding.is_anothers(key, named):
        log.warning("key of another account refused", extra=_about(key))
        return Standing.FOREIGN
    RestrictedKey.objects.filter(pk=key.pk).update(
        stripe_account_id=named, awaits_account_confirmation=True, awaits_account_id=False, last_problem=""
    )
    return Standing.ASKED


def would_betray(key: RestrictedKey, inspection: Inspection) -> bool:
    """Whether Stripe's answer shows that the pending `key` is alive, and may be a stranger's.

    Such a key ends as any useless one: the sentence that fits would tell a thief that it works.
    """
    is_telling = inspection.answer is Answer.ADDRESS_REFUSED or inspection.problem == "account_refused"
    account = inspection.stripe_account_id or key.stripe_account_id
    return key.status == Status.PENDING and is_telling and install_of(key, account) is None


def _ask_for_the_id(key: RestrictedKey) -> Standing:
    RestrictedKey.objects.filter(pk=key.pk).update(
        awaits_account_id=True, last_problem="account_unknown", next_check_at=None
    )
    return Standing.ASKED


def _settle_claim(key: RestrictedKey, inspection: Inspection, now: datetime) -> Standing:
    """The merchant has named the account: Stripe confirms it, contradicts it, or leaves it at that."""
    claimed = key.stripe_account_id
    if inspection.denies(claimed):
        said = f"Stripe says that it does not belong to {short_account(claimed)}, the account that was named."
        _reject(key, said, "not_the_named_account")
        binding.end_if_unused(key, now)  # the merchant's word bound it before all that Stripe says was heard
        return Standing.REJECTED
    if inspection.confirms(claimed):
        _confirm(key)
    elif not inspection.lets_pass(claimed):
        return Standing.UNHEARD
    connected = binding.connected_accounts(key)
    if connected and claimed not in connected:  # connected since they named it
        said = f"{short_account(claimed)} was named; connected in {key.mode} mode is {listed_accounts(connected)}."
        return _reject(key, said, "not_the_connected_account")
    try:
        binding.bind(
            merchant=key.merchant,
            stripe_account_id=claimed,
            livemode=key.livemode,
            proof=StripeInstall.Proof.MERCHANT,
            now=now,
        )
    except binding.InstallRefused:
        return _reject(key, f"{short_account(claimed)} could not be connected.", "account_taken")
    return Standing.THEIRS


def _reject(key: RestrictedKey, reason: str, problem: str, **fields: Any) -> Standing:
    log.warning("key refused for its account", extra={**_about(key), "code": problem})
    lifecycle.move(key, Status.REJECTED, actor="the site", reason=reason, last_problem=problem, **fields)
    return Standing.REJECTED


# --- A key in use ----------------------------------------------------------------------------------------------------


def names_another(key: RestrictedKey, inspection: Inspection) -> bool:
    """Whether Stripe said of `key`, which is in use, that it belongs to another account than the one we know."""
    return key.status in key.USABLE and bool(inspection.named - {key.stripe_account_id})


def learn(key: RestrictedKey, inspection: Inspection) -> None:
    """Remember of `key`, which is its merchant's, what Stripe has named: its id, and the account that was claimed.

    Of a key that may be somebody else's nothing is remembered: whoever pasted it could read it here.
    """
    if inspection.stripe_key_id and not key.stripe_key_id:
        RestrictedKey.objects.filter(pk=key.pk).update(stripe_key_id=inspection.stripe_key_id)
    if key.account_is_claimed and inspection.confirms(key.stripe_account_id):
        _confirm(key)


def unclear_permissions(key: RestrictedKey, inspection: Inspection) -> list[str]:
    """What Stripe was not clear about; whose `key` is counts while nobody but its merchant has said it."""
    whose = catalogue.WHOSE.permission
    is_open = key.account_is_claimed and inspection.outcomes.get(whose) == PermissionCheck.Outcome.UNKNOWN
    return [*inspection.unclear, whose] if is_open else inspection.unclear


def _confirm(key: RestrictedKey) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(account_is_claimed=False)
    key.account_is_claimed = False
    account = short_account(key.stripe_account_id)
    lifecycle.record(key, actor="Stripe", reason=f"Stripe confirmed that it belongs to {account}.")


def stop(key: RestrictedKey, inspection: Inspection, now: datetime) -> bool:
    """Stripe names another account for `key`, which is in use: let nobody act on what may be a stranger's account.

    A merchant's word yields to Stripe's: the key is removed, and what rested on that word ends. Where Stripe's own word
    has changed, which never happens to a key, something is broken: the key is suspended until ops have looked. A mere
    text of a refusal is not enough for that, as its wording is nobody's promise: then ops are told, and no more.

    Returns:
        Whether the key was stopped.
    """
    others = sorted(inspection.named - {key.stripe_account_id})
    names = f"{listed_accounts(others)}, not to {short_account(key.stripe_account_id)}"
    log.critical("Stripe names another account for a key in use", extra=_about(key))
    is_refuted = key.account_is_claimed and key.stripe_account_id not in inspection.named
    is_stopped = is_refuted or inspection.answer is Answer.UNKNOWN
    if is_refuted:
        became = "It was removed and erased, and its merchant told."
        _remove(key, f"Stripe says that it belongs to {names}, which was named for it.", now)
    elif inspection.answer is Answer.UNKNOWN:
        became = "It is suspended; look into it before you lift that."
        _suspend(key, f"Stripe said that it belongs to {names}.", now)
    else:
        became = "It goes on being used, as only the text of a refusal says so: look into it at once."
    tell_ops(
        subject="Stripe names another account for a key in use",
        body=f"Stripe says that the key {key.pk} of merchant {key.merchant_id} belongs to {names}. {became}",
        dedupe_key=f"{ANOTHER}:{key.pk}:{now:%Y%m%d}",
    )
    return is_stopped


def _remove(key: RestrictedKey, reason: str, now: datetime) -> None:
    lifecycle.move(key, Status.REMOVED, actor="Stripe", reason=reason, last_problem=ANOTHER)
    binding.end_if_unused(key, now)
    mails.tell_other_account(key)
    takeover.let_the_next_try(key, now)


def _suspend(key: RestrictedKey, reason: str, now: datetime) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(last_problem=ANOTHER)
    if key.suspended_at is not None:
        return
    key.suspended_at = now
    key.save(update_fields=["suspended_at"])
    change = lifecycle.record(key, actor="the site", reason=f"{reason} It was suspended.")
    outgoing.tell_standing(key, outgoing.SUSPENDED, change, code=ANOTHER)
    entries.note_key_suspended(key)
    mails.tell_other_account(key)


def wait_for_turn(row: Validation) -> None:
    """Lock what a claim may bind or end, before anybody locks the key: merchant, installs, keys, as everywhere."""
    if row.key.account_is_claimed:
        binding.lock_in_turn(row.key)


def _about(key: RestrictedKey) -> dict[str, str]:
    return {"key": str(key.pk), "merchant": str(key.merchant_id)}
