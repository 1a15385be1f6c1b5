"""What every answer of the site tells the browser besides its page, and what no request brings in and no answer out."""

import re
from collections.abc import Callable, Container, Iterable
from functools import cache
from typing import Any
from urllib.parse import unquote_plus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, resolve
from django.utils.cache import patch_vary_headers

from partner_site.database import answers
from partner_site.log import holds_a_key, scrub

_NO_FEATURES = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()"
_CHARSET = re.compile(r';\s*charset\s*\*?\s*=\s*("[^"]*"|[^;]*)', re.ASCII | re.IGNORECASE)
_ASKED_IN = frozenset({"PATH_INFO", "QUERY_STRING", "RAW_URI", "REQUEST_URI", "CONTENT_TYPE"})
_ASKED_BY_MACHINES = frozenset({"/healthz", "/readyz", "/metrics"})
_STRIPE_DELIVERS_TO = frozenset({"/webhooks/stripe", "/webhooks/stripe/"})
_COUNTING = ("/ops/", "/metrics")
_COUNTING_SECONDS = 20.0
_SIGN_OUT_VIEWS = frozenset({"account_logout", "admin:logout"})

GetResponse = Callable[[HttpRequest], HttpResponse]


def read_as_utf8(application: WSGIApplication) -> WSGIApplication:
    """Let `application` read every request as UTF-8, as browsers send it, whatever charset its sender claims.

    Python knows codecs that are no charsets, and some that quote what they cannot read. Django would decode query and
    form with them while it builds the request, where nothing of ours could answer yet: a bare 500, or a logged form.
    """

    def reading(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = _CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
        return application(environ, start_response)

    return reading


def patient_with_counting(application: WSGIApplication) -> WSGIApplication:
    """Let the pages of ops and collectors wait longer for the database: they count everything there is."""

    def waiting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(_COUNTING):
            return application(environ, start_response)
        with answers.patience(_COUNTING_SECONDS):
            return application(environ, start_response)

    return waiting


def keys_only_in_bodies(application: WSGIApplication) -> WSGIApplication:
    """Cut whatever is shaped like a key out of addresses and headers, before anything logs, stores or looks it up.

    Keys are taken in the bodies of forms alone. In an address (a search at the ops desk, say) one would go on into SQL,
    error pages and the way to the sign-in page.
    """

    def cutting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in environ:
            if name in _ASKED_IN or name.startswith("HTTP_"):
                environ[name] = _without_keys(environ[name])
        return application(environ, start_response)

    return cutting


def _without_keys(value: str) -> str:
    if not holds_a_key(unquote_plus(value)):
        return value
    cut = scrub(value).replace("…", "")  # as a header, ASCII stays ASCII
    return "" if holds_a_key(unquote_plus(cut)) else cut


def no_key_leaves(get_response: GetResponse) -> GetResponse:
    """Cut whatever is shaped like a key out of every answer, so that nothing pasted in a wrong place is handed back.

    Forms repeat what they were sent, the way to the sign-in page repeats the address that was asked for, and with DEBUG
    Django's own pages quote both. Files, which are streamed, are none of this.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in response.items():
            if holds_a_key(value):
                response.headers[name] = scrub(value).replace("…", "")  # a header is ASCII
        if not response.streaming:
            _cut_keys_out_of(response)
        return response

    return middleware


def _cut_keys_out_of(response: HttpResponse) -> None:
    text = response.content.decode("utf-8", "surrogateescape")
    if not holds_a_key(text):
        return
    response.content = scrub(text).encode("utf-8", "surrogateescape")
    if "Content-Length" in response.headers:
        response.headers["Content-Length"] = str(len(response.content))


def private_pages(get_response: GetResponse) -> GetResponse:
    """Keep every answer out of caches and search engines, except the home page of somebody without a session.

    A list of private pages would need an entry for each new page; a list of public ones has a single entry and forgets
    nothing. Static files never come this far: WhiteNoise, which stands in front, answers them.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", _NO_FEATURES)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if _is_public(request):
            patch_vary_headers(response, ["Cookie"])
        else:
            response.headers["Cache-Control"] = "no-store, private"
            response.headers["X-Robots-Tag"] = "noindex"
        if _signs_out(request):
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return middleware


def machines_have_no_session(get_response: GetResponse) -> GetResponse:
    """Leave the session out of what machines ask, so that their answers never wait for it in the database.

    A browser sends its cookie there too, and whose session it is would be looked up before the page is reached.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path not in _ASKED_BY_MACHINES:
            return get_response(request)
        request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        response = get_response(request)
        response.headers.pop("Vary", None)  # a session was looked for, and there is none
        return response

    return middleware


def deliveries_go_straight_on(get_response: GetResponse) -> GetResponse:
    """Lead what Stripe delivers past all other middleware: sign-in, forms, files.

    What that tells the browser in every answer is taken from one answer, and told here as well. Whoever must come by
    HTTPS and does not goes the long way, to be sent there.
    """
    return straight_on(get_response, _STRIPE_DELIVERS_TO)


def straight_on(get_response: GetResponse, addresses: Container[str]) -> GetResponse:
    """Middleware that calls the views of these addresses at once, and for others does nothing."""
    told = cache(_told_in_every_answer)

    def answer(request: HttpRequest) -> HttpResponse:
        request.get_host()  # refuses a host that is not ours
        request.resolver_match = match = _way_to(request.path_info, settings.ROOT_URLCONF)
        response: HttpResponse = match.func(request)
        return response

    answer_whatever_happens: Any = convert_exception_to_response(answer)

    def middleware(request: HttpRequest) -> HttpResponse:
        is_secure = request.is_secure()
        if request.path_info not in addresses or (settings.SECURE_SSL_REDIRECT and not is_secure):
            return get_response(request)
        response: HttpResponse = answer_whatever_happens(request)
        for name, value in told(is_secure).items():
            response.headers.setdefault(name, value)
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware


def _told_in_every_answer(is_secure: bool) -> dict[str, str]:
    """The headers that the middleware which is left out puts on an answer that is private and empty."""

    def answer(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    request = HttpRequest()
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = XFrameOptionsMiddleware(answer).process_response(request, private_pages(answer)(request))
    with_policy: Any = CSPMiddleware(answer).process_response(request, response)
    told = dict(SecurityMiddleware(answer).process_response(request, with_policy).headers)
    del told["Content-Type"]
    return told


@cache
def _way_to(path: str, urlconf: str) -> ResolverMatch:
    return resolve(path, urlconf)


def _is_public(request: HttpRequest) -> bool:
    """Whether this is the home page as everybody sees it."""
    return request.path == "/" and settings.SESSION_COOKIE_NAME not in request.COOKIES


def _signs_out(request: HttpRequest) -> bool:
    """Whether this request asked to end the session."""
    match = request.resolver_match
    return request.method == "POST" and match is not None and match.view_name in _SIGN_OUT_VIEWS
