"""What the pages say about whose account a key is of; the other problems have their words in `problems`."""

from django.conf import settings
from django.db.models import F

from stripe_keys import binding, giving_way
from stripe_keys.account_names import listed_accounts, short_account
from stripe_keys.models import RestrictedKey, StatusChange
from stripe_keys.sentences.problems import GENERIC_REJECTION

Words = tuple[str, str, str]
ANOTHER = "another_account"
# Before each text comes what the key's history says, with both accounts by name.
_MISMATCHES = {
    "other_account": (
        "This key belongs to another Stripe account than the key in use",
        (
            "A key can only be replaced by one of the same account. Copy the key in the account of the key in use; to "
            "change accounts, remove the key in use first."
        ),
    ),
    "not_the_connected_account": (
        "This key belongs to another Stripe account than the one you connected",
        (
            "Copy the key on the app’s settings page of the connected account and paste it here. If the other account "
            "is the right one, connect that one first."
        ),
    ),
    "not_the_named_account": (
        "This key does not belong to the account that you named",
        (
            "We have erased the key here. Look up the id in the very account in which you copied the key, then paste "
            "the key again to try anew."
        ),
    ),
    "account_taken": (
        "We could not connect this Stripe account",
        "Write to us if it is yours. If you meant another one, paste the key again and name that one.",
    ),
}
CODES = ("not_usable", *_MISMATCHES, ANOTHER, giving_way.YIELDED)


def about(key: RestrictedKey) -> Words | None:
    """Tone, title and text of what stands between `key` and its account; None if something else does."""
    if key.last_problem == "not_usable":
        tone, title, text = _not_usable(key)
    elif key.last_problem in _MISMATCHES:
        tone = "danger"
        title, text = _MISMATCHES[key.last_problem]
        text = f"{_why(key)}{text}"
    else:
        return None
    return tone, title, f"{text} {of_the_key_in_use(key)}".rstrip()


def while_asking(key: RestrictedKey) -> str:
    """What is going on while nothing is known of a new key."""
    if key.account_is_claimed:
        account = short_account(key.stripe_account_id)
        return (
            f"Thank you. We are asking Stripe whether this key reaches {account}. That takes a few seconds."
        )
    return "We are asking Stripe whose key this is and what it can do. That takes a few seconds."


def _not_usable(key: RestrictedKey) -> Words:
    """The same words whatever is wrong with a key that is not known to be the merchant's.

    They name nothing but what the merchant knows anyway: which accounts they have connected themselves.
    """
    connected = binding.connected_accounts(key)
    if connected:
        where = (
            f"You connected {listed_accounts(connected)} in {key.mode} mode: check that you copied the key on the "
            f"app’s settings page of {'that account' if len(connected) == 1 else 'one of these'}, "
        )
    else:
        where = (
            "Check that you copied it from the app’s settings page of the account that you connected, in the right "
            "mode, "
        )
    ours = ", ".join(settings.STRIPE_EGRESS_ADDRESSES)
    addresses = f"add ours there ({ours})" if ours else "take the limit off, or write to us for ours"
    text = (
        f"Was it copied whole? {where}and that it was not rotated or deleted since. If it is limited to certain IP "
        f"addresses in Stripe, {addresses}. Then paste it again."
    )
    return "danger", GENERIC_REJECTION, text


def of_the_key_in_use(key: RestrictedKey) -> str:
    """That the merchant's key in use goes on working although `key` was rejected; empty if there is none.

    Only what they have themselves decides, so that it tells nothing of the rejected one.
    """
    usable = RestrictedKey.objects.usable().filter(merchant=key.merchant_id, livemode=key.livemode)
    serving = next((one for one in usable if one.is_usable), None)
    return f"The key in use, {serving.display}, goes on working." if serving else ""


def of_another(key: RestrictedKey) -> Words:
    """Tone, title and text for a key that was in use when Stripe named another account for it."""
    became = "We have erased it here." if not key.is_kept else "We are looking into it."
    return (
        "danger",
        "Stripe names another account for this key",
        (
            f"Stripe says that it belongs to another account than {short_account(key.stripe_account_id)}, for which we "
            f"used it. So that nothing happens in the wrong account, we stopped using it at once. {became} Copy the "
            "key of the right account in Stripe and paste it here."
        ),
    )


def of_yielded(key: RestrictedKey) -> Words:
    """Tone, title and text for a key whose account was only named, until Stripe connected it elsewhere."""
    return (
        "danger",
        "The account that you named for this key is connected elsewhere",
        (
            f"You named {short_account(key.stripe_account_id)}, which Stripe had not confirmed; now Stripe has signed "
            "that it is connected elsewhere here. We stopped using the key and erased it. If the account is yours, ask "
            "your colleagues whether they have connected it; if not, write to us. If you meant another one, paste its "
            "key."
        ),
    )


def _why(key: RestrictedKey) -> str:
    """What its history says of the end of `key`, with the accounts by name, and a space behind it."""
    moves = StatusChange.objects.filter(key=key, to_status=key.status).exclude(from_status=F("to_status"))
    reason = moves.order_by("-at", "-pk").values_list("reason", flat=True).first()
    return f"{reason} " if reason else ""
