"""What the pages say about a key that the app made: it is never pasted again, and what helps is a new one."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from stripe_keys import managed_problems, permissions, purpose_addresses, purposes, uninstalls
from stripe_keys.account_names import short_account
from stripe_keys.endings import countdown, written
from stripe_keys.models import KeyManagement, RestrictedKey
from stripe_keys.sentences import ending_at_stripe, endings
from stripe_keys.sentences.notices import Link, Notice
from stripe_keys.sentences.problems import PROBLEMS, SUSPENDED

Status = RestrictedKey.Status
_OF_NO_USE = (
    "not_usable",
    "other_account",
    "not_the_connected_account",
    "not_the_named_account",
    "account_taken",
    "never_proven",
)


def headline(key: RestrictedKey) -> str | None:
    """One sentence on where the key stands; None where that of a pasted key fits."""
    if key.is_kept and key.quarantined_at:
        return "We can no longer read this key, so it is not in use. A new one is needed to go on."
    if key.status == Status.PENDING and not key.last_problem:
        return "The app has made this key. We are asking Stripe what it can do, which takes a few seconds."
    if key.status == Status.REPLACED:
        at_stripe = ending_at_stripe.in_words(ending_at_stripe.of(key))
        return f"A newer key took over. We have erased this one. {at_stripe}".rstrip()
    return None


def notices(key: RestrictedKey, now: datetime, successor: RestrictedKey | None) -> list[Notice | None]:
    """Everything that somebody who looks at `key` has to know, the gravest first."""
    is_on = is_renewed(key)
    return [
        _unreadable(key, is_on),
        _suspended(key, is_on),
        _ending(key, successor, now),
        _without_the_app(key),
        _unrestricted(key),
        _missing(key, is_on),
        _problem(key, is_on),
        _after_the_end(key, is_on),
    ]


def management_page(key: RestrictedKey) -> str:
    """The address of the page that says how keys like `key` come."""
    return purpose_addresses.of_managing("managed_keys", key.mode, key.purpose)


def _management_of(key: RestrictedKey) -> KeyManagement | None:
    place = KeyManagement.objects.filter(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)
    return place.first()


def is_renewed(key: RestrictedKey) -> bool:
    """Whether the app makes the keys that follow `key`."""
    management = _management_of(key)
    return management is not None and management.is_on and purposes.is_defined(key.purpose)


def _what_helps(is_on: bool) -> str:
    first = "Have a new key made" if is_on else "Paste a key of your own, or let the app make a new one"
    return f"{first}: it takes over as soon as it is proven, and this one is ended at Stripe."


def _ways(key: RestrictedKey, is_on: bool) -> tuple[Link, ...]:
    if is_on:
        return (
            Link(
                purpose_addresses.of_managing("managed_renew", key.mode, key.purpose),
                "Make a new key",
                is_main=True,
            ),
        )
    paste = Link(purpose_addresses.of_bringing_another(key), "Paste a key")
    return (paste, Link(management_page(key), "How the key is made"))


# --- In use, or on its way -------------------------------------------------------------------------------------------


def _unreadable(key: RestrictedKey, is_on: bool) -> Notice | None:
    if not (key.quarantined_at and key.is_kept):
        return None
    damaged = "What we have stored of it was damaged on our side; nobody can read it, and we do not use it."
    return Notice(*PROBLEMS["unreadable"][:2], f"{damaged} {_what_helps(is_on)}", _ways(key, is_on))


def _suspended(key: RestrictedKey, is_on: bool) -> Notice | None:
    if not (key.suspended_at and key.is_kept):
        return None
    if key.leaked_at is None:
        return Notice(*SUSPENDED)
    found = "A copy of it was found where it should not be, so we use it no more."
    return Notice("danger", "This key has leaked", f"{found} {_what_helps(is_on)}", _ways(key, is_on))


def _ending(key: RestrictedKey, successor: RestrictedKey | None, now: datetime) -> Notice | None:
    if not key.is_expiring or key.quarantined_at:
        return None
    title, when = "This key stops working", "Stripe has told us that it ends."
    if key.expires_at is not None and key.expires_at > now:
        title += f" {countdown(key.expires_at, now)}"
        when = f"Stripe ends it on {written(key.expires_at)}."
    if successor is not None:
        text = f"{when} The key ending in {successor.last4} takes over as soon as it is proven."
        return Notice("info", title, text)
    management = _management_of(key)
    if management is None or not management.is_on:
        return Notice("warning", title, f"{when} Paste a key of your own before.", _ways(key, is_on=False))
    if management.problem:
        why = problem_words(management.problem)
        return Notice("warning", title, f"{when} {why}", _ways(key, is_on=True))
    text = f"{when} The app makes a new one before that: there is nothing for you to do."
    return Notice("info", title, text)


def _without_the_app(key: RestrictedKey) -> Notice | None:
    words = endings.of_the_app(key)
    if words is None:
        return None
    install = Link(reverse("stripe_keys:connect", args=[key.mode]), "Install the app again", is_main=True)
    in_stripe = Link(permissions.edit_key_link("", livemode=key.livemode), "Keys in Stripe", True)
    if key.is_kept:
        remove = Link(reverse("stripe_keys:remove_key", args=[key.pk]), "Remove this key")
        return Notice(*words, (install, remove, in_stripe))
    made = Link(management_page(key), "How the key is made", is_main=True)
    if key.last_problem == uninstalls.CAME_BACK:
        text = "This key ended when it was uninstalled. Have a new key made, or paste one of your own."
        return Notice(*words[:2], text, (made,))
    text = (
        "We have erased this key. Should you have kept it in Stripe, it works there until you expire it. To go on, "
        "install the app again first; then have a new key made, or paste one of your own."
    )
    return Notice(*words[:2], text, (install, made, in_stripe))


def _unrestricted(key: RestrictedKey) -> Notice | None:
    if not (key.is_unrestricted and key.is_kept):
        return None
    text = (
        "Stripe made it without limits. We use it for what we ask for and nothing else, but whoever had it could do "
        "anything with your account. To be on the safe side, bring a restricted key of your own."
    )
    return Notice(
        "warning",
        "This key can do everything",
        text,
        (Link(management_page(key), "How the key is made"),),
    )


def _missing(key: RestrictedKey, is_on: bool) -> Notice | None:
    if key.status != Status.LIMITED or key.quarantined_at or key.last_problem == "permission_unclear":
        return None
    first = "Have a new key made; if that lacks the same, paste" if is_on else "Paste"
    text = f"Stripe made this key without them. {first} a key of your own that has them, or write to us."
    return Notice("warning", "Some permissions are missing", text, _ways(key, is_on))


# --- Problems --------------------------------------------------------------------------------------------------------


def problem_words(code: str) -> str:
    """Why no key could be made, and what to do next."""
    return managed_problems.FOR_MERCHANTS.get(code, managed_problems.FOR_MERCHANTS[managed_problems.REFUSED])


def _problem(key: RestrictedKey, is_on: bool) -> Notice | None:
    code = key.last_problem
    if not code or key.status in (Status.EXPIRED, Status.REPLACED, Status.REMOVED):
        return None
    if key.is_kept and key.quarantined_at:
        return None
    if key.status == Status.REJECTED or code in _OF_NO_USE:
        return _of_no_use(key, is_on)
    if code == "another_account":
        return Notice("danger", "Stripe names another account for this key", _another(key))
    words = _words_of(code, is_on)
    if words is not None:
        title = PROBLEMS[code][1] if code in PROBLEMS else "This key does not allow requests from our address"
        return Notice("warning", title, words, _ways(key, is_on))
    return Notice(*PROBLEMS.get(code, PROBLEMS["no_answer"]))


def _of_no_use(key: RestrictedKey, is_on: bool) -> Notice:
    title = "The key that Stripe made for the app proved to be of no use"
    if key.last_problem == "never_proven":
        title = "This key could not be proven in time, so we gave it up"
    serving = _serving(key)
    rest = f"The key in use, {serving.display}, goes on working." if serving else ""
    if not rest:
        rest = "The app tries again later." if is_on else "Paste a key of your own, or let the app make one."
    text = f"It was never used, and we have erased it. {ending_at_stripe.in_words(ending_at_stripe.of(key))} {rest}"
    return Notice("warning", title, " ".join(text.split()), _ways(key, is_on))


def _another(key: RestrictedKey) -> str:
    return (
        f"Stripe says that it belongs to another account than {short_account(key.stripe_account_id)}, for which it was "
        "made. So that nothing happens in the wrong account, we stopped using it at once. We are looking into it."
    )


def _words_of(code: str, is_on: bool) -> str | None:
    """What to do about a problem of a check, where a pasted key would be pasted anew or edited in Stripe."""
    dead = "If it is, the app makes a new one." if is_on else "If it is, paste a key of your own."
    anew = "have a new key made" if is_on else "paste a key of your own"
    ours = ", ".join(settings.STRIPE_EGRESS_ADDRESSES)
    allow = f"Add ours there ({ours})" if ours else "Take the limit off"
    return {
        "unreadable": f"What we have stored of it cannot be read. {_what_helps(is_on)}",
        "key_expired": f"We ask once more before we call it dead. {dead}",
        "key_refused": f"That can be a mistake of Stripe’s, so we ask once more before we call the key dead. {dead}",
        "refused_with_many": (
            "That looks like trouble at Stripe and not with your key, so we do not call it dead. We ask again by "
            "ourselves, soon at first and then more rarely."
        ),
        "account_unknown": f"We ask again by ourselves. If this stays, {anew}.",
        "permission_unclear": (
            "It refused a request without saying that the permission we asked about is missing. We look again by "
            f"ourselves; if this stays, {anew}."
        ),
        "less_than_the_old_key": f"The key in use goes on working. To get a better one, {anew}, or remove this one.",
        "address_refused": f"In Stripe the key is limited to certain IP addresses. {allow}, or {anew}.",
    }.get(code)


# --- After its end ---------------------------------------------------------------------------------------------------


def _serving(key: RestrictedKey) -> RestrictedKey | None:
    usable = RestrictedKey.objects.usable().filter(
        merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose
    )
    return next((one for one in usable if one.is_usable), None)


def _after_the_end(key: RestrictedKey, is_on: bool) -> Notice | None:
    if key.last_problem in (uninstalls.LEFT, uninstalls.CAME_BACK):
        return None
    if key.status == Status.REMOVED:
        return _removed(key)
    if key.status != Status.EXPIRED:
        return None
    title, text = "This key no longer works", "Stripe has confirmed that it expired or was deleted."
    serving = _serving(key)
    if serving is not None:
        return Notice("info", title, f"{text} The key in use, {serving.display}, goes on working.")
    if is_on:
        text = f"{text} The app makes a new one; you see on the next page how far it is."
        made = Link(management_page(key), "How the key is made", is_main=True)
        return Notice("warning", title, text, (made,))
    text = f"{text} To go on, paste a key of your own, or let the app make a new one."
    return Notice("danger", title, text, _ways(key, is_on))


def _removed(key: RestrictedKey) -> Notice:
    retirement = ending_at_stripe.of(key)
    words = ending_at_stripe.in_words(retirement)
    if ending_at_stripe.needs_the_merchant(retirement) or not words:
        text = (
            words
            or "We no longer have this key. To make sure that nobody can use it, expire it in Stripe as well."
        )
        in_stripe = Link(permissions.edit_key_link("", livemode=key.livemode), "Keys in Stripe", True)
        return Notice("warning", "It may still work at Stripe", text, (in_stripe,))
    ended = "The app ends" if ending_at_stripe.is_open(retirement) else "The app has ended"
    text = f"{words} No other one is made in its place."
    return Notice("info", f"{ended} this key at Stripe", text, _ways(key, is_on=False))
