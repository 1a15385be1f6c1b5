"""The sentences about what the last check of a key stumbled over, by `RestrictedKey.last_problem`.

Each is a tone, a title and what to do. The links below them are chosen in `stripe_keys.sentences`; those that speak of
accounts are made in `stripe_keys.sentences.whose_account`.
"""

GENERIC_REJECTION = "We could not use this key with the connected account."
_RETRY = "There is nothing for you to do: we try again by ourselves, and the key keeps its status meanwhile."
SUSPENDED = (
    "warning",
    "Support has suspended this key",
    (
        "It stays stored and checked, but we use it for nothing else. Answer the mail that we sent you, or write to "
        "us, to have it resumed."
    ),
)
PROBLEMS = {
    "key_expired": (
        "danger",
        "Stripe says that this key has expired",
        "Create a new key in Stripe and paste it here.",
    ),
    "unreadable": (
        "danger",
        "We can no longer read this key",
        (
            "What we have stored of it was damaged on our side; nobody can read it, and we do not use it. Paste it "
            "again, or make a new one in Stripe if it is not shown there any more."
        ),
    ),
    "key_refused": (
        "warning",
        "Stripe refused this key once",
        (
            "That can be a mistake of Stripe’s, so we ask once more before we call the key dead. If you "
            "deleted or rotated it, paste the new key now."
        ),
    ),
    "account_unknown": (
        "warning",
        "Stripe accepts this key but did not say whose it is",
        (
            "Tell us the id of its Stripe account, and we go on. Or add the permission “Accounts: read” to the key in "
            "Stripe, so that Stripe can say it, and check the key again here."
        ),
    ),
    "refused_with_many": (
        "warning",
        "Stripe refused this key, and many others at the same time",
        (
            "That looks like trouble at Stripe and not with your key, so we do not call it dead. We ask again by "
            "ourselves, soon at first and then more rarely. If you deleted or rotated it, paste the new key now."
        ),
    ),
    "account_refused": (
        "warning",
        "Stripe did not let this key reach its account",
        (
            "The key keeps its status, and we try again by ourselves. If this stays, see whether the app is still "
            "installed on your Stripe account, then check the key here again."
        ),
    ),
    "permission_unclear": (
        "warning",
        "Stripe was not clear about some permissions",
        (
            "It refused a request without saying that the permission we asked about is missing. See in Stripe whether "
            "the key has the permissions that could not be checked below, then check it again here."
        ),
    ),
    "answers_differ": (
        "info",
        "Stripe accepted this key and refused it at the same time",
        "There is nothing for you to do: we ask again soon, and the key keeps its status meanwhile.",
    ),
    "not_about_this_key": ("info", "The answer that we got was not about this key", _RETRY),
    "locked": ("info", "Stripe was busy with your account", _RETRY),
    "conflict": ("info", "Stripe was busy with your account", _RETRY),
    "stripe_error": ("info", "Stripe had trouble answering", _RETRY),
    "timed_out": ("info", "Stripe took too long to answer", _RETRY),
    "rate_limited": ("info", "Stripe asked us to slow down", _RETRY),
    "no_connection": ("info", "We could not reach Stripe", _RETRY),
    "unreadable_answer": ("info", "Stripe’s answer was not readable", _RETRY),
    "no_answer": ("info", "Stripe did not answer", _RETRY),
    "check_failed": (
        "warning",
        "The last check failed on our side",
        "We try again within some minutes. If this stays, write to us.",
    ),
    "never_proven": (
        "warning",
        "This key could not be proven in time, so we gave it up",
        (
            "Stripe did not answer us about it, or the question whose account it is stayed open. Paste the key "
            "again to try anew."
        ),
    ),
    "less_than_the_old_key": (
        "warning",
        "This key can do less than the one in use, so it does not take over",
        (
            "The key in use goes on working. Add the missing permissions to this key in Stripe and check "
            "it again here, or remove it."
        ),
    ),
}
