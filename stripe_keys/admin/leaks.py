"""The leak desk: ops paste a text that leaked, learn which of our keys are in it, and act. The text is never kept."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.models import User
from stripe_keys import leaks
from stripe_keys.leaks import Fate, Found
from stripe_keys.models import KeySubmission, RestrictedKey
from work.admin import OpsPage

_NEVER_KEPT = {
    "autocomplete": "off",
    "autocapitalize": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "rows": "12",
    "data-1p-ignore": "",
    "data-bwignore": "",
    "data-lpignore": "true",
    "data-forget": "",
}
_REFUSALS = {
    "required": "Paste the text first.",
    "no_key": "No key was recognised in that text: one begins with rk_ or sk_, then live_ or test_. "
    "If there is one in it, paste the key alone.",
}
_OUTCOMES = {
    Fate.SUSPEND: (messages.SUCCESS, "Suspended, and the merchant is told"),
    Fate.TELL: (messages.SUCCESS, "Nothing was left to suspend; the merchant is told"),
    Fate.DONE: (messages.INFO, "This was done before"),
    Fate.DEAD: (messages.WARNING, "It has expired: it works nowhere any more, and nobody is told"),
    Fate.NOT_PROVEN: (messages.WARNING, "It was never proven whose it is, so nobody is told"),
}


class ForgottenText(forms.Textarea):
    """A text field that is never filled in by us, not even with what was just sent."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class TextOrBytes(forms.CharField):
    """A text field that takes a NUL too, which stands between the variables of a process and in UTF-16."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [
            each for each in self.validators if not isinstance(each, ProhibitNullCharactersValidator)
        ]


class LeakedTextForm(forms.Form):
    """Takes a text that leaked. How long it may be is the site's limit on a request: 60 KB and what comes with it."""

    text = TextOrBytes(
        label="The text that leaked",
        strip=False,
        widget=ForgottenText(attrs=_NEVER_KEPT),
    )

    @property
    def refusal(self) -> str:
        """The code of the reason why the text was refused."""
        return next(str(error.code) for error in self.errors.as_data()["text"])


@dataclass(frozen=True)
class FoundKey:
    """One of our keys that leaked, as the page shows it."""

    key: RestrictedKey
    fate: Fate

    @property
    def button(self) -> str:
        """What can be done about it; empty if nothing."""
        return {Fate.SUSPEND: "Suspend and tell the merchant", Fate.TELL: "Tell the merchant"}.get(
            self.fate, ""
        )


class LeakDesk(OpsPage):
    """The pages of the leak desk, beside the list of restricted keys. All need the right to act on keys."""

    def get_urls(self) -> list[URLPattern]:
        """The leak desk stands before the pages of single keys, whose addresses take any word."""
        desk, found = (self.admin_site.admin_view(view) for view in (self.leak_desk, self.leak_found))
        return [
            path("leak-desk/", desk, name="leak_desk"),
            path("leak-desk/found/", found, name="leak_found"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with the way to the leak desk for those who may act."""
        may_act = self.has_act_permission(request)
        return super().changelist_view(request, {**(extra_context or {}), "has_leak_desk": may_act})

    @method_decorator(sensitive_post_parameters())
    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def leak_desk(self, request: HttpRequest) -> HttpResponse:
        """Ask for the text. Once it was sent, lead on by an address without it, so that no way back sends it again."""
        self._let_in(request)
        if request.method == "POST":
            return _see_other(self._look_up(request))
        refusal = _REFUSALS.get(request.GET.get("refused", ""), "")
        return self._page(request, "leak_desk", form=LeakedTextForm(), refusal=refusal)

    leak_desk.takes_nul_in = "text"  # type: ignore[attr-defined]  # read by the ops desk, for the bytes of a process

    @sensitive_variables()
    def _look_up(self, request: HttpRequest) -> str:
        form = LeakedTextForm(request.POST)
        if not form.is_valid():
            return f"{reverse('admin:leak_desk')}?refused={form.refusal}"
        found = leaks.look_up(text=form.cleaned_data["text"], actor=_staff(request))
        if not (found.reading.keys or found.reading.shortened):
            return f"{reverse('admin:leak_desk')}?refused=no_key"
        return f"{reverse('admin:leak_found')}?{_question_of(found)}"

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def leak_found(self, request: HttpRequest) -> HttpResponse:
        """What was found, as it stands now, and what to do about it. The address has ids of ours, not the text."""
        self._let_in(request)
        asked = Asked.read_from(request.GET)
        if request.method == "POST":
            chosen = set(_ids(request.POST.get("act", ""))) & set(asked.key_ids)
            self._act(request, RestrictedKey.objects.filter(pk__in=chosen))
            return _see_other(request.get_full_path())
        found = _found_keys(asked.key_ids)
        return self._page(
            request,
            "leak_found",
            asked=asked,
            found=found,
            waiting=[one.key.pk.hex for one in found if one.button],
            pastes=_pastes(request, asked.paste_ids),
        )

    def _act(self, request: HttpRequest, keys: QuerySet[RestrictedKey]) -> None:
        outcomes: dict[Fate, list[str]] = defaultdict(list)
        for key in leaks.in_order(keys):
            fate = leaks.suspend_and_tell(key=key, actor=_staff(request), now=timezone.now())
            outcomes[fate].append(key.display)
        for fate, displays in outcomes.items():
            level, words = _OUTCOMES[fate]
            messages.add_message(request, level, f"{words}: {', '.join(displays)}.")
        if not outcomes:
            messages.warning(request, "No key was chosen.")

    def _let_in(self, request: HttpRequest) -> None:
        if not self.has_act_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
        context |= {**self.admin_site.each_context(request), "opts": self.opts, "title": "Leak desk"}
        template = f"admin/stripe_keys/restrictedkey/{name}.html"
        return TemplateResponse(request, template, context)


def _question_of(found: Found) -> str:
    """The result's address behind the question mark: numbers, our own ids, last four characters of shortened keys."""
    said: dict[str, str | int] = {
        "read": len(found.reading.keys),
        "keys": ",".join(key_id.hex for key_id in found.key_ids),
        "pastes": ",".join(str(paste_id) for paste_id in found.paste_ids),
        "shortened": found.reading.shortened,
        "ends": ",".join(found.reading.ends),
        "cut": int(found.is_cut),
    }
    return urlencode(said)


@dataclass(frozen=True)
class Asked:
    """What a result's address says."""

    read: int
    key_ids: list[UUID]
    paste_ids: list[int]
    shortened: int
    ends: list[str]
    is_cut: bool

    @classmethod
    def read_from(cls, query: QueryDict) -> "Asked":
        """Read it; raises BadRequest if no look-up of ours leads there."""
        return cls(
            read=_number(query.get("read", "0")),
            key_ids=_ids(query.get("keys", "")),
            paste_ids=[_number(each) for each in _parts(query.get("pastes", ""))],
            shortened=_number(query.get("shortened", "0")),
            ends=[_end(each) for each in _parts(query.get("ends", ""))],
            is_cut=query.get("cut") == "1",
        )


def _parts(listed: str) -> list[str]:
    return listed.split(",")[: leaks.MOST_ROWS] if listed else []


def _ids(listed: str) -> list[UUID]:
    try:
        return [UUID(each) for each in _parts(listed)]
    except ValueError:
        raise BadRequest("The leak desk was asked for a key that no key can be") from None


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadRequest("The leak desk was asked for a number that is none")
    return int(text)


def _end(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{4}", text):
        raise BadRequest("The leak desk was asked for an end that no key has")
    return text


def _found_keys(key_ids: list[UUID]) -> list[FoundKey]:
    keys = list(leaks.in_order(RestrictedKey.objects.filter(pk__in=key_ids)))
    told = leaks.told(keys)
    return [FoundKey(key, leaks.fate_of(key, is_told=key.pk in told)) for key in keys]


def _pastes(request: HttpRequest, paste_ids: list[int]) -> list[KeySubmission]:
    """Who has pasted the keys, for those who may see pastes."""
    if not _staff(request).has_perm("stripe_keys.view_keysubmission"):
        return []
    pastes = KeySubmission.objects.filter(pk__in=paste_ids).select_related("merchant", "user")
    return list(pastes.order_by("-pk"))


def _see_other(address: str) -> HttpResponse:
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)  # the desk lets nobody else in
