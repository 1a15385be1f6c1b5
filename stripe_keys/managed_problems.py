"""Why the app could not make a key: codes that are stored, and the sentences that say what to do next."""

from typing import Final

# Stripe, or what stands between us and Stripe, did not answer; it is tried again.
AWAY: Final = "stripe_away"
NOT_CONFIGURED: Final = "not_configured"
NOT_INSTALLED: Final = "not_installed"
NOT_APPROVED: Final = "not_approved"
NOT_ACTIVATED: Final = "not_activated"
PREVIEW_REFUSED: Final = "preview_refused"
PERMISSIONS_REFUSED: Final = "permissions_refused"
REFUSED: Final = "refused"
UNRESTRICTED: Final = "unrestricted"
PLAIN_IN_LIVE: Final = "plain_in_live"
NOT_OPENED: Final = "not_opened"
WRONG_KEY: Final = "wrong_key"
REJECTED: Final = "rejected"
SWITCHED_OFF: Final = "switched_off"
ANOTHER_ACCOUNT: Final = "another_account"

FOR_MERCHANTS: Final[dict[str, str]] = {
    AWAY: "Stripe does not answer at the moment. We go on trying, and a key that is in use goes on working.",
    NOT_CONFIGURED: "Keys cannot be managed in this mode yet. Paste a key instead.",
    NOT_INSTALLED: "Stripe says that our app is not installed on this account. Install it, then try again.",
    NOT_APPROVED: "Stripe does not let our app make keys for this account yet. Paste a key instead; we have been told.",
    NOT_ACTIVATED: "Stripe makes live keys for activated accounts only. Activate your account in the Stripe Dashboard,"
    " then try again, or use test mode.",
    PREVIEW_REFUSED: "Stripe does not offer this to our app at the moment. Paste a key instead; we have been told.",
    PERMISSIONS_REFUSED: "Stripe refused the permissions that we asked for. Paste a key instead; we have been told.",
    REFUSED: "Stripe refused to make a key. Paste a key instead; we have been told.",
    UNRESTRICTED: "Stripe made a key that can do everything, which we do not keep. We have ended it at Stripe. Paste a"
    " restricted key instead.",
    PLAIN_IN_LIVE: "Stripe's answer was not encrypted, so we have ended that key and kept nothing. We have been told.",
    NOT_OPENED: "What Stripe delivered could not be opened, so we have ended that key. We have been told.",
    WRONG_KEY: "Stripe's answer did not fit what we asked for, so we have ended that key. We have been told.",
    REJECTED: "The key that Stripe made proved to be of no use, so we have ended it. We have been told.",
    SWITCHED_OFF: "You bring the keys yourself.",
    ANOTHER_ACCOUNT: "Another Stripe account was connected meanwhile; a key for that one is being made.",
}

_ENDED = "It is being ended there, and nothing of it was kept."
FOR_OPS: Final[dict[str, str]] = {
    AWAY: "Stripe does not answer. It is tried again by itself.",
    NOT_CONFIGURED: "MANAGED_KEYS lacks the mode, or no key of the app is set for it.",
    NOT_INSTALLED: "Stripe does not show the app on the account. Its merchant has to install it.",
    NOT_APPROVED: "Stripe lets the app make no keys there: ask Stripe whether `api_key_write` is approved.",
    NOT_ACTIVATED: "The account is not activated, so Stripe makes no live key for it. Its merchant has to see to that.",
    PREVIEW_REFUSED: "Stripe refuses the preview: see STRIPE_PREVIEW_VERSION; ask Stripe whether it is open to you.",
    PERMISSIONS_REFUSED: "Stripe refuses the permissions: see the app's manifest and the purpose's list.",
    REFUSED: "Stripe refused and does not say why in words that are known: see whether the app's own key is alive.",
    UNRESTRICTED: f"Stripe made a key that can do everything. {_ENDED}",
    PLAIN_IN_LIVE: f"Stripe sent a live key in the clear. {_ENDED}",
    NOT_OPENED: f"What Stripe delivered did not open. {_ENDED}",
    WRONG_KEY: f"Stripe's answer did not fit the question, or another merchant has that key. {_ENDED}",
    REJECTED: "The key came and was of no use: see its history.",
    SWITCHED_OFF: "The key was not wanted any more.",
    ANOTHER_ACCOUNT: "Another account was connected meanwhile; a key is made for that one.",
}
