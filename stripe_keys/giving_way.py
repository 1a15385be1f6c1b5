"""What rests on a merchant's bare word gives way to Stripe's: an account that another merchant proves to be theirs.

A binding gives way only if everything Stripe ever said leaves it open: while Stripe has named the account for one of
the holder's keys, the holder really has, or had, such a key. Then two merchants have a good claim, and people look.
"""

import logging
from datetime import datetime

from accounts.models import Merchant
from accounts.notices import tell_ops
from stripe_keys import lifecycle, mails, takeover
from stripe_keys.account_names import short_account
from stripe_keys.models import RestrictedKey, StripeInstall

log = logging.getLogger(__name__)
YIELDED = "account_yielded"


def end_claims(*, stripe_account_id: str, livemode: bool, signed_for: Merchant, now: datetime) -> bool:
    """End the binding of this account to another merchant, with its keys, if it rests on that merchant's word alone.

    The caller's transaction goes on to bind it to `signed_for`, for whom Stripe has signed. Ops are told either way.

    Returns:
        Whether it has ended.
    """
    held = StripeInstall.objects.filter(
        stripe_account_id=stripe_account_id, livemode=livemode, status=StripeInstall.Status.INSTALLED
    )
    holder_id = held.exclude(merchant=signed_for).values_list("merchant", flat=True).first()
    if holder_id is None:
        return True  # it has ended since
    # Merchants, installs, keys: the order in which everybody locks them; the merchants always in the same order.
    both = Merchant.objects.filter(pk__in=[holder_id, signed_for.pk]).order_by("pk")
    list(both.select_for_update(no_key=True))
    install = held.filter(merchant=holder_id).select_for_update(of=("self",)).first()
    if install is None:
        return False  # moved on this very moment
    keys = RestrictedKey.objects.filter(
        merchant=holder_id, livemode=livemode, stripe_account_id=stripe_account_id
    )
    is_mere_word = install.proof == StripeInstall.Proof.MERCHANT
    if not is_mere_word or keys.filter(account_is_claimed=False).exists():
        _tell_ops(install, signed_for, "It stays with the merchant who has it: look into who is right.", now)
        return False
    reason = (
        f"Stripe has connected {short_account(stripe_account_id)}, which had only been named here, elsewhere."
    )
    for key in keys.kept().locked_in_turn():
        lifecycle.move(key, RestrictedKey.Status.REMOVED, actor="Stripe", reason=reason, last_problem=YIELDED)
        mails.tell_yielded(key)
        takeover.let_the_next_try(key, now)
    install.status, install.uninstalled_at = StripeInstall.Status.UNINSTALLED, now
    install.save(update_fields=["status", "uninstalled_at"])
    _tell_ops(
        install, signed_for, "What had only been named was ended, its keys erased, its merchant told.", now
    )
    return True


def _tell_ops(install: StripeInstall, signed_for: Merchant, became: str, now: datetime) -> None:
    log.critical("an account is claimed by two merchants", extra={"merchant": str(install.merchant_id)})
    tell_ops(
        subject="Two merchants claim the same Stripe account",
        body=f"Stripe has signed that {install.stripe_account_id} is of merchant {signed_for.pk}, and here it was"
        f" connected to merchant {install.merchant_id} ({install.get_proof_display()}). {became}",
        dedupe_key=f"claimed-twice:{install.pk}:{signed_for.pk}:{now:%Y%m%d}",
    )
