"""What was pasted in a wrong place goes no further and is not handed back, whichever page it was."""

import io

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from partner_site.middleware import keys_only_in_bodies, no_key_leaves
from tests.people import a_restricted_key, a_signing_secret

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "address", ["/{}", "/?q={}", "/stripe/keys/?q={}", "/ops/{}/?next={}", "/accounts/login/?next=/{}"]
)
def test_an_address_is_not_repeated(client: Client, settings: Settings, debug: bool, address: str) -> None:
    settings.DEBUG = debug
    key = a_restricted_key()

    answer = client.get(address.format(key, key))

    assert key[8:] not in answer.text
    assert key[8:] not in str(answer.headers)


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_a_form_does_not_repeat_a_key(client: Client, address: str) -> None:
    key = a_restricted_key(livemode=True)
    fields = ("login", "password", "email", "company", "password1", "password2")

    answer = client.post(address, dict.fromkeys(fields, key))

    assert answer.status_code == 200
    assert "rk_live_…" in answer.text
    assert key[8:] not in answer.text


def test_the_desk_does_not_repeat_a_search(olgas_browser: Client) -> None:
    secret = a_signing_secret()

    answer = olgas_browser.get("/ops/stripe_keys/restrictedkey/", {"q": secret})

    assert answer.status_code == 200
    assert "whsec_…" in answer.text
    assert secret[6:] not in answer.text


def through(response: HttpResponse, rf: RequestFactory) -> HttpResponse:
    def view(request: HttpRequest) -> HttpResponse:
        return response

    return no_key_leaves(view)(rf.get("/"))


def test_lengths_stay_true_and_other_bytes_as_they_are(rf: RequestFactory) -> None:
    key, before, after = a_restricted_key(), b"\xff\xfe\x00", "…é".encode()
    response = HttpResponse(before + key.encode() + after, content_type="application/octet-stream")
    response.headers["Content-Length"] = str(len(response.content))

    answer = through(response, rf)

    assert answer.content == before + "rk_test_…".encode() + after
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_an_answer_without_a_key_is_not_touched(rf: RequestFactory) -> None:
    page = "The key rk_live_…a1B2 begins with rk_live_, and mk_1ABCDEFGHIJKLMNOPQRS is its id.".encode()

    assert through(HttpResponse(page), rf).content == page


def test_a_file_is_sent_as_it_is(rf: RequestFactory) -> None:
    answer = through(FileResponse(io.BytesIO(b"bytes")), rf)  # type: ignore[arg-type]

    assert answer.streaming


@pytest.mark.parametrize("debug", [True, False])
def test_without_it_keys_would_be_repeated(client: Client, settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("no_key_leaves")]
    key = a_restricted_key()

    form = client.post("/accounts/login/", {"login": key, "password": key})
    lost = client.get(f"/stripe/keys/?q={key}")

    assert key in form.text
    assert key in lost.headers["Location"]


def heard_of(environ: dict[str, str]) -> dict[str, str]:
    """What the site is told of a request."""
    heard: dict[str, str] = {}

    def site(environ: dict[str, str], start_response: object) -> list[bytes]:
        heard.update(environ)
        return []

    list(keys_only_in_bodies(site)(environ, None))  # type: ignore[arg-type]  # a small site
    return heard


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("PATH_INFO", "/stripe/{}/", "/stripe/rk_test_/"),
        ("QUERY_STRING", "q={}&p=1", "q=rk_test_&p=1"),
        ("QUERY_STRING", "next=%2Fstripe%3Fkey%3D{}", "next=%2Fstripe%3Fkey%3Drk_test_"),
        ("QUERY_STRING", "q=%72k%5Ftest%5F{}", ""),
        ("HTTP_COOKIE", "sid=abc; note={}", "sid=abc; note=rk_test_"),
        ("HTTP_USER_AGENT", "{}", "rk_test_"),
        ("HTTP_AUTHORIZATION", "Bearer {}", "Bearer rk_test_"),
        ("HTTP_HOST", "{}.example.com", "rk_test_.example.com"),
    ],
)
def test_a_key_in_address_or_headers_goes_no_further(name: str, before: str, after: str) -> None:
    key = a_restricted_key()
    given = before.format(key[8:] if "%72k" in before else key)

    assert heard_of({name: given}) == {name: after}


def test_what_holds_no_key_is_heard_as_it_was_said() -> None:
    said = {
        "PATH_INFO": "/stripe/keys/\xc3\xa9/",
        "QUERY_STRING": "q=rk_live_&state=a%5Fb+c",
        "HTTP_STRIPE_SIGNATURE": f"t=1,v1={'ab' * 32}",
        "HTTP_COOKIE": "__Host-sid=" + "s_t" * 9,
        "wsgi.url_scheme": "http",
    }

    assert heard_of(said) == said
