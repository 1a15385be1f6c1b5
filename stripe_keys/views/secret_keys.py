"""The way from a full-access secret key to restricted keys: one page, and what a merchant may say on it."""

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.tenancy import merchant_of, recently_authenticated
from stripe_keys import permissions, secret_key_check, secret_key_migration
from stripe_keys.forms.secret_keys import REFUSALS, SecretKeyForm
from stripe_keys.portrait import secret_key_steps
from stripe_keys.views import HttpResponseSeeOther, person_of

log = logging.getLogger(__name__)
_METHODS = ["GET", "HEAD", "POST"]


@require_safe
def migrate(request: HttpRequest) -> HttpResponse:
    """Four steps: what we call, a test key, a live key, and the end of the old key."""
    return _page(request)


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(_METHODS)
@recently_authenticated
def name_secret_key(request: HttpRequest, mode: str) -> HttpResponse:
    """Note which key is to be retired, without the key."""
    merchant = merchant_of(request)
    if request.method != "POST":
        return _to_page()
    form = SecretKeyForm(request.POST, auto_id=f"{mode}_%s")
    if not form.is_valid():
        if form.was_given_a_key:
            log.warning("a key was put where its name was asked for", extra={"merchant": str(merchant.pk)})
        return _page(request, refused=form, mode=mode, status=422)
    try:
        secret_key_migration.name_key(merchant=merchant, livemode=mode == "live", **form.cleaned_data)
    except secret_key_migration.IsOfRestrictedKey:
        form.add_error("stripe_key_id", REFUSALS["restricted_key"])
        return _page(request, refused=form, mode=mode, status=422)
    except secret_key_migration.AlreadyRetired:
        messages.info(request, f"The old {mode} key is recorded as dead already. Nothing was changed.")
    else:
        messages.success(request, f"Noted which {mode} key is to be retired.")
    return _to_page()


@require_http_methods(_METHODS)
@recently_authenticated
def confirm_dead(request: HttpRequest, mode: str) -> HttpResponse:
    """Record that the merchant's own check printed `dead`, and nothing else that might be sent."""
    merchant = merchant_of(request)
    if request.method == "POST" and request.POST.get("printed") == secret_key_check.DEAD:
        secret_key_migration.confirm_dead(
            merchant=merchant, livemode=mode == "live", user=person_of(request), now=timezone.now()
        )
        messages.success(request, f"Recorded: the old {mode} key is dead.")
    return _to_page()


@require_http_methods(_METHODS)
@recently_authenticated
def take_back(request: HttpRequest, mode: str) -> HttpResponse:
    """What was recorded was a mistake."""
    merchant = merchant_of(request)
    if request.method == "POST" and secret_key_migration.take_back(
        merchant=merchant, livemode=mode == "live", user=person_of(request), now=timezone.now()
    ):
        messages.success(request, f"Taken back: the old {mode} key counts as alive again.")
    return _to_page()


def _to_page() -> HttpResponse:
    return HttpResponseSeeOther(f"{reverse('stripe_keys:migrate')}#retire")


def _page(
    request: HttpRequest, *, refused: SecretKeyForm | None = None, mode: str = "", status: int = 200
) -> HttpResponse:
    walk = secret_key_steps.draw(merchant=merchant_of(request), now=timezone.now())
    old: list[dict[str, Any]] = []
    for key in walk.old:
        form = (
            refused if refused is not None and key.mode == mode else SecretKeyForm(auto_id=f"{key.mode}_%s")
        )
        links = {"keys_link": permissions.edit_key_link("", livemode=key.mode == "live")}
        old.append({"key": key, "form": form, "is_refused": form is refused, **links})
    context = {
        "walk": walk,
        "old": old,
        "command": secret_key_check.command(),
        "pieces": secret_key_check.pieces(),
        "viewer": person_of(request),
    }
    return render(request, "stripe_keys/migrate.html", context, status=status)
