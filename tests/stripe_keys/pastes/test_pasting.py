"""The paste form's cleaning: what is accepted and named, and what is refused for which reason."""

import pytest

from stripe_keys.pastes.pasting import NotOneKey, read_pasted
from stripe_keys.sentences.paste_refusals import REFUSALS
from tests.people import a_restricted_key, a_secret_key, a_signing_secret, some_letters

KEY = a_restricted_key()
LIVE_KEY = a_restricted_key(livemode=True)
ZERO_WIDTH = "\u200b"
CYRILLIC_A = "\u0430"


# The texts are random: tests are named by number, the same in every run.
CLEANED = [
    (KEY, ()),
    (f"  {KEY}", ("spaces",)),
    (f"\t{KEY}\r\n", ("spaces",)),
    (f"\u00a0{KEY}\u3000", ("spaces",)),
    (f"{KEY[:40]}\n{KEY[40:]}", ("line_break",)),
    (f"{KEY[:40]}\r\n   {KEY[40:80]}\n{KEY[80:]}", ("line_break",)),
    (f"{KEY[:20]}{ZERO_WIDTH}{KEY[20:]}", ("hidden",)),
    (f"\ufeff{KEY}", ("hidden",)),
    (f"{KEY[:20]}\u00ad{KEY[20:]}", ("hidden",)),
    (f'"{KEY}"', ("quotes",)),
    (f"'{KEY}'", ("quotes",)),
    (f"“{KEY}”", ("quotes",)),
    (f"„{KEY}“", ("quotes",)),
    (f"`{KEY}`", ("quotes",)),
    (f' " {KEY} " ', ("spaces", "quotes")),
    (f"STRIPE_KEY={KEY}", ("wrapper",)),
    (f'export K="{KEY}"', ("wrapper",)),
    (f'{{"key":"{KEY}"}}', ("wrapper",)),
    (f"Authorization: Bearer {KEY}", ("wrapper",)),
    (f"STRIPE_KEY={KEY}\nDEBUG=false", ("wrapper",)),
    (f"{KEY}\n{KEY}", ("repeated",)),
    (f"{KEY} {KEY}", ("repeated",)),
]


@pytest.mark.parametrize(("text", "cleaned"), CLEANED, ids=range(len(CLEANED)))
def test_one_key_is_found_and_what_was_cleaned_is_named(text: str, cleaned: tuple[str, ...]) -> None:
    pasted = read_pasted(text)

    assert pasted.secret.reveal() == KEY
    assert pasted.cleaned == cleaned


REFUSED = [
    ("", "blank"),
    (" \t\n ", "blank"),
    (ZERO_WIDTH * 3, "blank"),
    (f"{KEY[:40]} {KEY[40:]}", "gap"),
    (f"{KEY[:40]}\n{KEY[40:]} and more", "gap"),
    (f"{KEY[:9]} {KEY[9:]}", "gap"),
    (f"{KEY}\x00", "control_characters"),
    (f"\x07{KEY}", "control_characters"),
    (f"{KEY[:20]}\x1b{KEY[20:]}", "control_characters"),
    (f"{KEY[:20]}{CYRILLIC_A}{KEY[21:]}", "foreign_characters"),
    (f"r{KEY[1:4]}\u0435{KEY[5:]}", "foreign_characters"),
    ("".join(chr(ord(character) + 0xFEE0) for character in KEY), "foreign_characters"),
    (f"\u202e{KEY}", "foreign_characters"),
    (f"{KEY[:30]}-{KEY[30:]}", "odd_characters"),
    (f"{KEY} {LIVE_KEY}", "two_keys"),
    (f"{KEY}\n{LIVE_KEY}", "two_keys"),
    (f"{KEY}{LIVE_KEY}", "two_keys"),
    (f"rk_live_***{some_letters(4)}", "masked"),
    (f"rk_live_...{some_letters(4)}", "masked"),
    (f"rk_test_{some_letters(6)}…{some_letters(4)}", "masked"),
    (f"rk_test_••••••••{some_letters(4)}", "masked"),
    (f"rk_test_{some_letters(9)}", "too_short"),
    ("rk_live_", "too_short"),
    (f"rk_test_{some_letters(300)}", "too_long"),
    (f"{'word ' * 120}{KEY}", "too_much_text"),
    ("word " * 200, "too_much_text"),
    (KEY.upper(), "capitals"),
    (f"R{KEY[1:]}", "capitals"),
    (a_secret_key(livemode=True), "secret_key"),
    (a_secret_key(), "secret_key"),
    (f"{KEY} {a_secret_key()}", "secret_key"),
    (f"SECRET={a_secret_key()}", "secret_key"),
    (f"sk_org_live_{some_letters(40)}", "organization_key"),
    (f"pk_live_{some_letters(40)}", "publishable_key"),
    (a_signing_secret(), "webhook_secret"),
    (f"acct_{some_letters(16)}", "account_id"),
    (f"absec_{some_letters(32)}", "app_secret"),
    (f"ek_test_{some_letters(40)}", "ephemeral_key"),
    (f"mk_{some_letters(24)}", "key_id"),
    (f"ca_{some_letters(32)}", "client_id"),
    (f"cus_{some_letters(14)}", "other_id"),
    ("https://dashboard.stripe.com/apikeys", "web_address"),
    ("<script>alert(1)</script>", "unknown"),
    ("{{7*7}}", "unknown"),
    ("' OR 1=1--", "unknown"),
    ("$(id)", "unknown"),
    ("hunter2", "unknown"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_one_key_is_refused_with_its_own_reason(text: str, code: str) -> None:
    with pytest.raises(NotOneKey) as refused:
        read_pasted(text)

    assert refused.value.code == code
    assert code in REFUSALS


def test_a_publishable_key_beside_the_restricted_key_does_no_harm() -> None:
    pasted = read_pasted(f"{KEY}\npk_test_{some_letters(40)}")

    assert pasted.secret.reveal() == KEY


def test_every_refusal_says_what_to_do() -> None:
    for code, sentence in REFUSALS.items():
        assert sentence.endswith("."), code
        assert len(sentence) < 420, code
