"""The report on one key: what the app needs, what the key can do beyond that, and what it is used for."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from stripe_keys import surveys
from stripe_keys.portrait import least_privilege
from stripe_keys.views import in_words, key_of, person_of


@require_safe
def key_permissions(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """The report; whoever asks about a key that was never proven is sent to its page, whatever became of it."""
    key = key_of(request, key_id)
    if not least_privilege.may_be_shown(key):
        return redirect("stripe_keys:key_detail", key_id=key_id)
    report = least_privilege.draw(key, now=timezone.now())
    return render(request, "stripe_keys/key_permissions.html", {"report": report, "key": key})


@require_http_methods(["GET", "HEAD", "POST"])
def survey_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Have the key asked for rights beyond what we need, unless that was a moment ago."""
    key = key_of(request, key_id)
    if request.method == "POST":
        try:
            surveys.request(key=key, user=person_of(request), now=timezone.now())
        except surveys.AskedJustNow as refusal:
            wait = in_words(refusal.retry_after)
            messages.info(request, f"We looked a moment ago. You can have us look again in {wait}.")
        except surveys.NotInUse:
            messages.warning(request, "This key is not in use, so there is nothing to look for.")
    response = redirect("stripe_keys:key_permissions", key_id=key.pk)
    response.status_code = 303
    return response
