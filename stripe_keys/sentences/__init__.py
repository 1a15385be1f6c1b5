"""What the pages say about a key: its status, each problem, and always what to do next."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from stripe_keys import giving_way, our_apps, permissions, purpose_addresses, uninstalls
from stripe_keys.models import RestrictedKey
from stripe_keys.sentences import endings, managed_keys, whose_account
from stripe_keys.sentences.notices import Link, Notice
from stripe_keys.sentences.problems import PROBLEMS, SUSPENDED

Status = RestrictedKey.Status


# --- Status ----------------------------------------------------------------------------------------------------------


def pill(key: RestrictedKey) -> tuple[str, str]:
    """The status pill's tone (a name of the style sheet) and word."""
    if key.is_kept and key.quarantined_at:
        return "expired", "Unreadable"
    if key.status in key.USABLE and key.suspended_at:
        return "expiring", "Suspended"
    if key.is_expiring:
        return "expiring", "Expiring"
    if key.status == Status.PENDING and (key.awaits_account_confirmation or key.awaits_account_id):
        return "limited", "Your answer needed"
    if key.status == Status.PENDING and key.last_problem:
        return "pending", "Not proven yet"
    return key.status, key.get_status_display()


def headline(key: RestrictedKey) -> str:
    """One sentence on where the key stands."""
    return (managed_keys.headline(key) if key.is_app_managed else None) or _where_it_stands(key)


def _where_it_stands(key: RestrictedKey) -> str:
    if key.is_kept and key.quarantined_at:
        return "We can no longer read this key, so it is not in use. Paste it again to go on."
    if key.is_kept and key.suspended_at and key.leaked_at:
        return "This key has leaked, so it is not in use. A new one takes its place as soon as it is proven."
    if key.status == Status.PENDING and key.awaits_account_confirmation:
        return "Stripe accepts this key. Before we use it, tell us whether its account is yours."
    if key.is_kept and key.suspended_at and key.last_problem == whose_account.ANOTHER:
        return "Stripe names another account for this key, so it is not in use."
    if key.is_asked_for_account:
        return "Stripe accepts this key, but did not say whose it is. Before we use it, tell us its account."
    if key.status == Status.PENDING and key.last_problem:
        return "The key is stored, encrypted, and not in use until it is proven."
    if key.status in key.USABLE and key.last_problem == "permission_unclear":
        return "Stripe accepts this key, but was not clear about every permission."
    return {
        Status.PENDING: whose_account.while_asking(key),
        Status.ACTIVE: "Stripe accepts this key, and it has every permission we need.",
        Status.LIMITED: "Stripe accepts this key, but some permissions are missing. What needs them does not work.",
        Status.REJECTED: "This key is not in use, and it is not stored here.",
        Status.EXPIRED: "This key no longer works at Stripe. We have erased it.",
        Status.REPLACED: "A newer key took over. We have erased this one.",
        Status.REMOVED: f"{_why_removed(key)} We have erased it.",
    }[Status(key.status)]


def _why_removed(key: RestrictedKey) -> str:
    ended_with_the_app = key.last_problem in (uninstalls.LEFT, uninstalls.CAME_BACK)
    return "This key ended when the app was uninstalled." if ended_with_the_app else "This key was removed."


# --- Notices ---------------------------------------------------------------------------------------------------------


def notices(key: RestrictedKey, now: datetime, successor: RestrictedKey | None = None) -> list[Notice]:
    """Everything that somebody who looks at `key` has to know, the gravest first; `successor` was pasted for it."""
    if key.is_app_managed:
        return [one for one in managed_keys.notices(key, now, successor) if one is not None]
    found = [
        _unreadable(key),
        _suspended(key),
        _ending(key, successor, now),
        _without_the_app(key),
        _missing(key),
        _problem(key),
        _after_the_end(key),
    ]
    return [notice for notice in found if notice is not None]


def needs_attention(
    key: RestrictedKey, now: datetime, successor: RestrictedKey | None = None
) -> Notice | None:
    """The gravest thing to do about a key, for the list of keys and the banner; None if all is well."""
    return next((one for one in notices(key, now, successor) if one.tone in ("danger", "warning")), None)


def being_checked_again() -> Notice:
    """What to say of a key that nobody uses until it was checked since the database was restored."""
    return Notice(
        "info",
        "This key is being checked again",
        (
            "We had to go back to a backup of our database. Before we use the key we ask Stripe about it once more; "
            "there is nothing for you to do."
        ),
    )


def _unreadable(key: RestrictedKey) -> Notice | None:
    if not (key.quarantined_at and key.is_kept):
        return None
    return Notice(*PROBLEMS["unreadable"], (_paste(key, "Paste it again"), _app_settings(key)))


def _suspended(key: RestrictedKey) -> Notice | None:
    if not (key.suspended_at and key.is_kept) or key.last_problem == whose_account.ANOTHER:
        return None
    if key.leaked_at:
        words = (
            "A copy of it was found where it should not be, so we use it no more. Rotate it in Stripe, let the old one "
            "end at once, and paste the new key here."
        )
        return Notice("danger", "This key has leaked", words, (_app_settings(key), _replace(key)))
    return Notice(*SUSPENDED)


def _ending(key: RestrictedKey, successor: RestrictedKey | None, now: datetime) -> Notice | None:
    if not key.is_expiring or key.quarantined_at:
        return None
    words = endings.of(key, successor, now)
    if successor is not None:
        return Notice(*words, (_page(successor),))
    return Notice(*words, (_replace(key, is_main=True), _app_settings(key)))


def _without_the_app(key: RestrictedKey) -> Notice | None:
    words = endings.of_the_app(key)
    if words is None:
        return None
    if key.is_kept:
        install = _install(key, is_main=words != endings.SAID_TO_BE_GONE)
        remove = Link(reverse("stripe_keys:remove_key", args=[key.pk]), "Remove this key")
        return Notice(*words, (install, remove, _keys_in_stripe(key)))
    if key.last_problem == uninstalls.CAME_BACK:
        return Notice(*words, (_paste(key, is_main=True), _app_settings(key)))
    return Notice(*words, (_install(key), _paste(key), _keys_in_stripe(key)))


def _missing(key: RestrictedKey) -> Notice | None:
    if key.status != Status.LIMITED or key.quarantined_at or key.last_problem == "permission_unclear":
        return None
    return Notice(
        "warning",
        "Some permissions are missing",
        (
            "Add the missing ones to this key in Stripe, then check it again here. The key stays the same; "
            "nothing has to be pasted."
        ),
        (_edit(key),),
    )


def _after_the_end(key: RestrictedKey) -> Notice | None:
    if key.last_problem in (uninstalls.LEFT, uninstalls.CAME_BACK):
        return None
    if key.status == Status.EXPIRED:
        return Notice(
            "danger",
            "This key no longer works",
            (
                "Stripe has confirmed that it expired or was deleted, so we cannot reach your Stripe account with "
                "it. Create a new key on the app’s settings page in Stripe and paste it here."
            ),
            (_app_settings(key), _paste(key)),
        )
    if key.status == Status.REMOVED:
        return Notice(
            "info",
            "It may still work at Stripe",
            "We no longer have this key. To make sure that nobody can use it, expire it in Stripe as well.",
            (_keys_in_stripe(key),),
        )
    return None


# --- Problems --------------------------------------------------------------------------------------------------------

PROBLEM_CODES = (*PROBLEMS, *whose_account.CODES, "address_refused")


def _problem(key: RestrictedKey) -> Notice | None:
    """What the last check stumbled over. An expired key's own notice says it all."""
    if key.last_problem == whose_account.ANOTHER and key.quarantined_at is None:
        return Notice(*whose_account.of_another(key), (_app_settings(key), _paste(key)))
    if key.last_problem == giving_way.YIELDED:
        return Notice(*whose_account.of_yielded(key), (_paste(key),))
    if not key.last_problem or key.status in (Status.EXPIRED, Status.REPLACED, Status.REMOVED):
        return None
    if key.is_kept and key.quarantined_at:
        return None  # has said the gravest already
    if key.last_problem == "address_refused":
        return _address_refused(key)
    words = whose_account.about(key) or PROBLEMS.get(key.last_problem, PROBLEMS["no_answer"])
    links = {
        "key_expired": (_app_settings(key), _paste(key)),
        "unreadable": (_paste(key),),
        "key_refused": (_paste(key),),
        "not_usable": (_app_settings(key), _paste(key)),
        "other_account": (_app_settings(key), _paste(key)),
        "not_the_connected_account": (_app_settings(key), _paste(key)),
        "not_the_named_account": (_app_settings(key), _paste(key)),
        "never_proven": (_paste(key),),
        "account_unknown": (_name_account(key), _edit(key)) if key.is_asked_for_account else (_edit(key),),
        "account_refused": (_app_settings(key),),
        "permission_unclear": (_edit(key),),
        "less_than_the_old_key": (_edit(key),),
    }.get(key.last_problem, ())
    return Notice(*words, links)


def _address_refused(key: RestrictedKey) -> Notice:
    addresses = ", ".join(settings.STRIPE_EGRESS_ADDRESSES)
    ours = (
        f"Add ours there: {addresses}."
        if addresses
        else "Take the limit off, or write to us for our addresses."
    )
    return Notice(
        "warning",
        "This key does not allow requests from our address",
        (
            f"In Stripe the key is limited to certain IP addresses. {ours} We look again by ourselves, and you can "
            "check it here at once."
        ),
        (_edit(key),),
    )


# --- Ways out --------------------------------------------------------------------------------------------------------


def _replace(key: RestrictedKey, *, is_main: bool = False) -> Link:
    address = reverse("stripe_keys:replace_key", args=[key.pk])
    return Link(address, "Paste the new key", is_main=is_main)


def _paste(key: RestrictedKey, label: str = "Paste a key", *, is_main: bool = False) -> Link:
    return Link(purpose_addresses.of_bringing_another(key), label, is_main=is_main)


def page_address(key: RestrictedKey) -> str:
    """Where the page of `key` is."""
    return reverse("stripe_keys:key_detail", args=[key.pk])


def _page(successor: RestrictedKey) -> Link:
    return Link(page_address(successor), f"The key ending in {successor.last4}")


def _install(key: RestrictedKey, *, is_main: bool = True) -> Link:
    address = reverse("stripe_keys:connect", args=[key.mode])
    return Link(address, "Install the app again", is_main=is_main)


def _keys_in_stripe(key: RestrictedKey) -> Link:
    return Link(permissions.edit_key_link("", livemode=key.livemode), "Keys in Stripe", True)


def edit_link(key: RestrictedKey) -> str:
    """Stripe's page on which the permissions of `key` are edited."""
    return permissions.edit_key_link(
        key.stripe_key_id, livemode=key.livemode, stripe_account_id=key.stripe_account_id
    )


def _edit(key: RestrictedKey) -> Link:
    return Link(edit_link(key), "Edit the key in Stripe", True)


def _name_account(key: RestrictedKey) -> Link:
    return Link(reverse("stripe_keys:name_account", args=[key.pk]), "Name the account")


def _app_settings(key: RestrictedKey) -> Link:
    return Link(our_apps.settings_url(livemode=key.livemode), "App settings in Stripe", True)
