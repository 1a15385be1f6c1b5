"""Whatever is sent to the leak desk, it answers clearly, and never with 500."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from stripe_keys.admin.leaks import LeakedTextForm
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.leaks.desk import (
    DESK,
    FOUND,
    look_up,
    words_of,
)

Status = RestrictedKey.Status


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paste the text first."),
        ("   \r\n ", "No key was recognised in that text"),
        ("no key at all", "No key was recognised in that text"),
        ("rk_live_short", "No key was recognised in that text"),
        ("\ud7ff\ufffd🙂%\\", "No key was recognised in that text"),
        ("x" * 61_440, "paste the key alone"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_text_without_keys_is_answered_with_a_sentence(
    olgas_browser: Client, key: RestrictedKey, text: str, said: str
) -> None:
    answer = look_up(olgas_browser, text)

    assert answer.redirect_chain[0][1] == 303
    assert said in words_of(answer)
    if text.strip():
        assert text not in answer.content.decode()


def test_refused_text_is_not_shown_again(olgas_browser: Client, token: str) -> None:
    answer = look_up(olgas_browser, f"{token[:12]}\n" + "y" * 60_000)

    page = answer.content.decode()
    assert token[:12] not in page
    assert "yyyy" not in page + str(answer.redirect_chain)


def test_field_for_the_text_is_remembered_by_nobody(olgas_browser: Client) -> None:
    page = olgas_browser.get(f"{DESK}?text=rk_live_&refused=<b>x").content.decode()

    field = page[page.index("<textarea") : page.index("</textarea>")]
    for attribute in ('autocomplete="off"', 'spellcheck="false"', "data-forget"):
        assert attribute in field
    assert field.rpartition(">")[2].strip() == ""
    assert "errornote" not in page


def test_field_stays_empty_even_for_a_form_that_was_filled_in(token: str) -> None:
    form = LeakedTextForm({"text": token})

    assert form.is_valid()
    assert token not in str(form)


def test_nul_separates_the_variables_of_a_process(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    page = words_of(look_up(olgas_browser, f"A=b\0STRIPE={token}\0HOME=/\0"))

    assert "1 key-shaped string was read" in page
    assert key.display in page


def test_key_in_utf_16_is_found(olgas_browser: Client, key: RestrictedKey, token: str) -> None:
    text = f"the key: {token}\r\n".encode("utf-16-le").decode()

    assert key.display in words_of(look_up(olgas_browser, text))


@pytest.mark.parametrize("sent", [{"text": "a", "b": "\0"}, {"text": "a", "b\0": ""}], ids=["value", "name"])
def test_nul_anywhere_else_is_refused_clearly(olgas_browser: Client, sent: dict[str, str]) -> None:
    answer = olgas_browser.post(DESK, sent)

    assert answer.status_code == 400
    assert "We could not read that request" in answer.content.decode()
    assert olgas_browser.post(f"{DESK}?text=%00", {"text": "a"}).status_code == 400
    assert olgas_browser.post(FOUND, {"text": "\0"}).status_code == 400


@pytest.mark.parametrize("filling", ["z", "ж", "€", "\r\n"], ids=ascii)
def test_sixty_kilobytes_are_read_to_their_end(
    olgas_browser: Client, key: RestrictedKey, token: str, filling: str
) -> None:
    length = (61_440 - len(token) - 1) // len(filling.encode())

    assert key.display in words_of(look_up(olgas_browser, f"{filling * length} {token}"))
    assert "Up to 60 KB" in words_of(olgas_browser.get(DESK))


def test_bytes_that_are_no_text_still_give_up_their_key(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    body = (
        b"--b\r\nContent-Disposition: form-data; name=text\r\n\r\n\xff\xfe%s\xc3\r\n--b--\r\n"
        % token.encode()
    )

    answer = olgas_browser.post(DESK, body, content_type="multipart/form-data; boundary=b")

    assert answer.status_code == 303
    assert key.pk.hex in answer["Location"]


def test_more_than_the_site_takes_is_refused_with_a_page_that_says_so(
    olgas_browser: Client, token: str
) -> None:
    answer = olgas_browser.post(DESK, {"text": token + "z" * 70_000})

    assert answer.status_code == 413
    assert "That was too much at once" in answer.content.decode()
    assert token not in answer.content.decode()


def test_full_text_of_many_odd_characters_is_read(
    olgas_browser: Client, key: RestrictedKey, token: str
) -> None:
    text = f"{token}\n" + '"%&+\n' * 11_000

    assert key.display in words_of(look_up(olgas_browser, text))


def test_file_is_refused(olgas_browser: Client, token: str) -> None:
    answer = olgas_browser.post(DESK, {"text": SimpleUploadedFile("leak.txt", token.encode())})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "question",
    [
        "keys=x", "keys=%00", "keys=,", "keys=1,2", "keys=" + "9" * 40, "pastes=x", "pastes=-1", "pastes=%F0%9F%99%82",
        "pastes=" + "9" * 30, "read=x", "read=1e9", "shortened=%D9%A1", "ends=abc", "ends=<b>x", "ends=abcd,%27",
    ],
)  # fmt: skip
def test_address_that_no_look_up_led_to_is_refused(olgas_browser: Client, question: str) -> None:
    for answer in (olgas_browser.get(f"{FOUND}?{question}"), olgas_browser.post(f"{FOUND}?{question}")):
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "question", ["", "cut=x&no=such", f"keys={uuid.UUID(int=0)}", "read=3&pastes=999999999999999999"]
)
def test_address_with_nothing_behind_it_is_answered(olgas_browser: Client, question: str) -> None:
    assert olgas_browser.get(f"{FOUND}?{question}").status_code == 200


@pytest.mark.parametrize("act", ["x", "%", "0", "\ufffd", "9" * 30], ids=ascii)
def test_choice_that_can_be_no_key_is_refused(olgas_browser: Client, act: str) -> None:
    assert olgas_browser.post(f"{FOUND}?read=1", {"act": act}).status_code == 400


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(olgas_browser: Client, method: str) -> None:
    for address in (DESK, FOUND):
        assert getattr(olgas_browser, method)(address).status_code == 405
