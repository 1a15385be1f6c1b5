"""An account that only the merchant has named: bound when Stripe lets it pass, ended when Stripe says otherwise."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import gateway, incidents, inspection, installs
from stripe_keys.binding import InstallRefused
from stripe_keys.models import KeyEnvelope, RestrictedKey, StripeInstall, Validation
from tests.people import a_client_of, a_restricted_key, merchant_of
from tests.stripe_keys.gateway.scripted_stripe import Reply, ScriptedStripe, refusal, running, saying
from tests.stripe_keys.keys import bind_account, check_again, checked, paste
from tests.stripe_keys.rows import ACCOUNT, a_key, page_of

Status = RestrictedKey.Status
OTHER = "acct_1OfSomebodyElse"
VAGUE = refusal(403, "The provided key does not have the required permissions for this endpoint.")
LIST = saying({"object": "list", "data": []})
NO_PLATFORM = refusal(403, "Only platforms can work with other accounts.", code="platform_account_required")


def naming(account: str) -> Reply:
    return refusal(403, f"This key does not have the required permissions on account '{account}'.")


@pytest.fixture
def stripe(settings: Settings, transactional_db: None) -> Iterator[ScriptedStripe]:
    """A Stripe that says of no key whose it is, and lets it read everything else."""
    with running() as scripted:
        settings.STRIPE_API_BASE = scripted.base_url
        settings.STRIPE_RATE_TEST = 1e6
        settings.KEY_SHORTEST_CHECK_SECONDS = 0
        incidents.forget()
        gateway.forget_connections()
        scripted.answer = answering()
        yield scripted
        gateway.forget_connections()


def answering(*, charges: Reply = LIST, whose: Reply = VAGUE) -> Callable[[str], Reply]:
    telling = inspection._telling_probes(RestrictedKey())[0].path
    return lambda path: whose if path in ("/v1/account", telling) else charges if "charges" in path else LIST


def asked_and_named(user: User, stripe: ScriptedStripe, on_account: Reply) -> RestrictedKey:
    """A key whose account its merchant has named, after the worker has done all there is to do."""
    stripe.on_account = on_account
    key = checked(paste(user, a_restricted_key()))
    assert key.is_asked_for_account
    installs.name_account(key=key, user=user, stripe_account_id=ACCOUNT, now=timezone.now())
    return settled(key)


def settled(key: RestrictedKey) -> RestrictedKey:
    """Checked, and once more where that has led to another check."""
    checked(key)
    Validation.objects.filter(key=key, state="waiting").update(due_at=timezone.now())
    return checked(key)


def installed() -> list[tuple[str, str]]:
    rows = StripeInstall.objects.filter(status="installed").select_related("merchant")
    return [(one.merchant.name, one.stripe_account_id) for one in rows]


def history(key: RestrictedKey) -> str:
    return "\n".join(key.status_changes.values_list("reason", flat=True))


# --- What Stripe answers to the question on the account --------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [saying({"object": "account", "id": OTHER}), naming(OTHER)], ids=["200", "403"]
)
def test_account_is_rejected_when_stripe_names_another_one(
    ada: User, stripe: ScriptedStripe, reply: Reply
) -> None:
    key = asked_and_named(ada, stripe, reply)

    assert (key.status, key.last_problem) == (Status.REJECTED, "not_the_named_account")
    assert installed() == []


UNHEARD = {
    "404": refusal(404, "No such account.", code="resource_missing"),
    "400": refusal(400, "Invalid header."),
    "402": refusal(402, "No.", kind="card_error"),
    "200, no account": LIST,
    "401": refusal(401, "Invalid API Key provided."),
    "500": Reply(500),
}


def test_nothing_is_bound_until_stripe_has_answered_about_the_account(
    ada: User, stripe: ScriptedStripe
) -> None:
    key = asked_and_named(ada, stripe, UNHEARD["404"])

    for name, reply in UNHEARD.items():
        stripe.on_account = reply
        key = settled(key)

        assert (key.status, installed()) == (Status.PENDING, []), name
        assert key.validations.filter(state="waiting").exists(), f"{name}: it is asked again"
    stripe.on_account = VAGUE
    assert settled(settled(key)).status == Status.LIMITED
    assert len(installed()) == 1


@pytest.mark.parametrize("reply", [NO_PLATFORM, naming(ACCOUNT)], ids=["no platform", "403"])
def test_word_stands_while_stripe_lets_it_pass_and_is_not_confirmed_by_that(
    ada: User, stripe: ScriptedStripe, reply: Reply
) -> None:
    key = asked_and_named(ada, stripe, reply)

    assert (key.status, key.account_is_claimed) == (Status.LIMITED, True)


# --- What Stripe names when it is asked for permissions --------------------------------------------------------------


def test_another_account_in_the_answer_about_a_permission_ends_key_and_binding(
    ada: User, stripe: ScriptedStripe
) -> None:
    stripe.answer = answering(charges=naming(OTHER))

    key = asked_and_named(ada, stripe, NO_PLATFORM)

    assert (key.status, key.last_problem) == (Status.REJECTED, "not_the_named_account")
    assert installed() == []


def test_the_same_account_in_the_answer_about_a_permission_confirms_it(
    ada: User, stripe: ScriptedStripe
) -> None:
    stripe.answer = answering(charges=naming(ACCOUNT))

    key = asked_and_named(ada, stripe, NO_PLATFORM)

    assert (key.status, key.account_is_claimed) == (Status.LIMITED, False)
    assert "Stripe confirmed" in history(key)


def test_claimed_key_in_use_stops_when_a_permission_names_another_account(
    ada: User, stripe: ScriptedStripe
) -> None:
    key = asked_and_named(ada, stripe, NO_PLATFORM)
    stripe.answer = answering(charges=naming(OTHER))

    key = check_again(key)

    assert (key.status, key.last_problem) == (Status.REMOVED, "another_account")
    assert installed() == []


# --- What a claimed key may do ---------------------------------------------------------------------------------------


def test_claimed_key_is_limited_and_says_so(ada: User, adas_browser: Client, stripe: ScriptedStripe) -> None:
    key = asked_and_named(ada, stripe, NO_PLATFORM)

    assert (key.status, key.last_problem) == (Status.LIMITED, "permission_unclear")
    assert "Stripe accepts it, and was not clear about every permission." in history(key)
    page = page_of(adas_browser, key)
    assert "Stripe accepts this key, but was not clear about every permission." in page
    assert "every permission we need" not in page


def test_claimed_key_never_takes_over_from_a_proven_one(ada: User, stripe: ScriptedStripe) -> None:
    proven = a_key(ada)
    bind_account(ada, ACCOUNT)

    key = asked_and_named(ada, stripe, NO_PLATFORM)

    assert (key.status, key.last_problem) == (Status.PENDING, "less_than_the_old_key")
    proven.refresh_from_db()
    assert proven.status == Status.ACTIVE


def test_account_that_a_refusal_names_is_known_and_its_key_is_active(
    ada: User, stripe: ScriptedStripe
) -> None:
    bind_account(ada, ACCOUNT)
    stripe.answer = answering(whose=naming(ACCOUNT))

    assert checked(paste(ada, a_restricted_key())).account_is_claimed is False


# --- Stripe's signed word against a merchant's -----------------------------------------------------------------------


def test_named_account_gives_way_to_whom_stripe_has_signed_for(
    ada: User, eve: User, stripe: ScriptedStripe
) -> None:
    key = asked_and_named(eve, stripe, NO_PLATFORM)

    bind_account(ada, ACCOUNT)

    key.refresh_from_db()
    assert (key.status, key.last_problem) == (Status.REMOVED, "account_yielded")
    assert not KeyEnvelope.objects.filter(key=key).exists()
    assert installed() == [(merchant_of(ada).name, ACCOUNT)]
    told = Notice.objects.get(merchant=merchant_of(eve))
    assert "connected elsewhere" in told.body
    assert merchant_of(ada).name not in told.body
    assert "What had only been named was ended" in Notice.objects.get(merchant=None).body
    assert "is connected elsewhere" in page_of(a_client_of(eve), key)


@pytest.mark.django_db
@pytest.mark.parametrize("proof", ["merchant", "signed_return"])
def test_account_that_stripe_named_for_its_holders_key_stays_and_ops_are_told(
    ada: User, eve: User, proof: str
) -> None:
    key = a_key(eve)
    bind_account(eve, ACCOUNT)
    StripeInstall.objects.update(proof=proof)

    with pytest.raises(InstallRefused, match="taken"):
        bind_account(ada, ACCOUNT)

    key.refresh_from_db()
    assert (key.status, installed()) == (Status.ACTIVE, [(merchant_of(eve).name, ACCOUNT)])
    assert "It stays with the merchant who has it" in Notice.objects.get(merchant=None).body


@pytest.mark.django_db
def test_signed_return_makes_a_word_a_proof(ada: User) -> None:
    install = bind_account(ada, ACCOUNT)
    StripeInstall.objects.update(proof="merchant")

    bind_account(ada, ACCOUNT)

    install.refresh_from_db()
    assert install.proof == StripeInstall.Proof.SIGNED_RETURN


# --- Keys that nobody may tell apart, and what the pages say of those that were rejected -----------------------------


def test_key_that_stripe_keeps_from_its_account_ends_as_a_useless_one(
    ada: User, adas_browser: Client, stripe: ScriptedStripe
) -> None:
    stripe.answer = lambda _: refusal(403, "No access.", code="account_invalid")

    key = checked(paste(ada, a_restricted_key()))

    assert (key.status, key.last_problem, key.stripe_account_id) == (Status.REJECTED, "not_usable", "")
    assert "limited to certain IP addresses" in page_of(adas_browser, key)


@pytest.mark.django_db
def test_rejected_key_shows_no_account_as_a_fact_and_that_the_one_in_use_goes_on(
    ada: User, adas_browser: Client
) -> None:
    serving = a_key(ada)
    key = a_key(
        ada,
        "rejected",
        minutes_ago=1,
        stripe_account_id=OTHER,
        account_is_claimed=True,
        last_problem="not_the_named_account",
    )

    page, listed = page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()

    assert "Not known: it is not of the one that you named" in page
    assert OTHER[:-4] not in page
    assert f"acct_…{OTHER[-4:]}" not in listed
    assert f"The key in use, {serving.display}, goes on working." in page
    assert "was rejected. The key in use goes on working." in listed
