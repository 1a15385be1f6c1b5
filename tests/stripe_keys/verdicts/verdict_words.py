"""The words of the verdict table: what Stripe may say in one look at a key, and what may become of the key."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from stripe_keys.models import RestrictedKey
from stripe_keys.sentences.problems import GENERIC_REJECTION
from tests.stripe_keys.gateway.scripted_stripe import ACCOUNT, KEY_ID, QUOTED, Reply, refusal, saying

Status = RestrictedKey.Status
PATHS = {
    "/v1/account": "connected_account_read",
    "/v1/charges": "charge_read",
    "/v1/customers": "customer_read",
    "/v1/invoices": "invoice_read",
}

# --- Replies ---------------------------------------------------------------------------------------------------------

EDIT = f"https://dashboard.stripe.com/b/{ACCOUNT}?destination=%2Ftest%2Fapikeys%2F{KEY_ID}%2Fedit"
KEY_IN_TEXT = f"The provided key 'rk_test_...{QUOTED}'"


def lacks(name: str) -> Reply:
    """A 403 in the wording of 2026."""
    text = (
        f"Permission denied. {KEY_IN_TEXT} does not have the required permissions for this endpoint on account "
        f"'{ACCOUNT}'. Enabling Some Things, Others Read ('{name}') permissions on this key would allow this request "
        f"to continue. You can edit permissions at {EDIT}"
    )
    return refusal(403, text, code="more_permissions_required")


def lacked(having: str) -> Reply:
    """A 403 in the wording of 2021."""
    text = (
        f"{KEY_IN_TEXT} does not have the required permissions for this endpoint on account '{ACCOUNT}'. Having "
        f"{having} would allow this request to continue."
    )
    return refusal(403, text)


WHOSE = saying({"object": "account", "id": ACCOUNT})
LIST = saying({"object": "list", "data": []})
VAGUE = refusal(403, f"{KEY_IN_TEXT} does not have the required permissions for this endpoint.")
INVALID = refusal(401, f"Invalid API Key provided: rk_test_***{QUOTED}")
OVER = refusal(401, f"Expired API Key provided: rk_test_***{QUOTED}", code="api_key_expired")
ADDRESS = f"The API key provided does not allow requests from your IP address ({QUOTED})."
REVOKED = (
    f"{KEY_IN_TEXT} does not have access to account 'acct_1SomebodyElse000'. Access may have been revoked."
)
PAGE = Reply(body=f"<html><h1>{QUOTED}</h1></html>".encode(), headers=(("Content-Type", "text/html"),))


def page(status: int) -> Reply:
    """What a proxy says."""
    return Reply(status, PAGE.body, PAGE.headers)


# --- What Stripe says in one look ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Says:
    """What Stripe replies to each question of one look; `kind` is accepted, refused, expired, or silence.

    `silence` is anything that proves nothing about the key as a whole.
    """

    kind: str
    whose: Reply = WHOSE
    probes: dict[str, Reply] = field(default_factory=dict)
    every: Reply | None = None

    def reply_to(self, path: str) -> Reply:
        """The reply to one question."""
        name = PATHS.get(path.partition("?")[0], "")
        if self.every is not None:
            return self.every
        if name == "connected_account_read":
            return self.whose
        return self.probes.get(name, LIST) if name else lacks("some_other_thing_read")

    @property
    def replies(self) -> list[Reply]:
        """All of them."""
        return [self.whose, *self.probes.values(), *([self.every] if self.every else [])]


@dataclass(frozen=True)
class Later:
    """Time goes by."""

    seconds: float


def silence(every: Reply) -> Says:
    """Whatever is asked, this is the reply, and it proves nothing."""
    return Says("silence", every=every)


def only(name: str, reply: Reply, kind: str = "accepted") -> Says:
    """Everything is granted, but to one question this is the reply."""
    return Says(kind, probes={name: reply})


OK = Says("accepted")
REFUSED = Says("refused", every=INVALID)
EXPIRED = Says("expired", every=OVER)
BUSY = silence(refusal(429, QUOTED, code="rate_limit"))
DOWN = silence(refusal(503, QUOTED, kind="api_error"))
SLOW = silence(Reply(end="hang"))
ELSEWHERE = silence(refusal(401, ADDRESS))
MINUTE = Later(61)

# --- What becomes of the key -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A problem as the row has it, and the title that the merchant reads."""

    problem: str
    title: str


WELL = Told("", "")
REFUSED_ONCE = Told("key_refused", "Stripe refused this key once")
GONE = Told("key_expired", "This key no longer works")
USELESS = Told("not_usable", GENERIC_REJECTION)
SLOWER = Told("rate_limited", "Stripe asked us to slow down")
LOCKED = Told("locked", "Stripe was busy with your account")
CONFLICT = Told("conflict", "Stripe was busy with your account")
TROUBLE = Told("stripe_error", "Stripe had trouble answering")
TOO_LATE = Told("timed_out", "Stripe took too long to answer")
NOBODY = Told("no_connection", "We could not reach Stripe")
RUBBISH = Told("unreadable_answer", "Stripe’s answer was not readable")
NOT_OURS = Told("not_about_this_key", "The answer that we got was not about this key")
BOTH_WAYS = Told("answers_differ", "Stripe accepted this key and refused it at the same time")
BARRED = Told("address_refused", "This key does not allow requests from our address")
SHUT_OUT = Told("account_refused", "Stripe did not let this key reach its account")
WHOSE_IS_IT = Told("account_unknown", "Stripe accepts this key but did not say whose it is")
UNSURE = Told("permission_unclear", "Stripe was not clear about some permissions")
SUSPENDED = Told("", "Support has suspended this key")
STRANGER = Told("another_account", "Stripe names another account for this key")
LACKING = Told("", "Some permissions are missing")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    start: str
    said: tuple[Says | Later, ...]
    told: Told
    failures: int = 0
    refused: bool = False
    """Whether a first refusal is on the books."""
    status: str = ""
    """The status in the end; empty for the one at the start."""

    @property
    def looks(self) -> list[Says]:
        """What Stripe said, without the time between."""
        return [one for one in self.said if isinstance(one, Says)]

    @property
    def proves_death(self) -> bool:
        """Whether Stripe said that it has expired, or refused it twice a minute apart and never accepted it between."""
        return _proves_death(self.said)


def _proves_death(said: Iterable[Says | Later]) -> bool:
    now, first = 0.0, None
    for one in said:
        if isinstance(one, Later):
            now += one.seconds
        elif one.kind == "expired":
            return True
        elif one.kind == "refused":
            first = now if first is None else first
            if now - first >= 60:
                return True
        elif one.kind == "accepted" or one is ELSEWHERE:
            first = None
    return False
