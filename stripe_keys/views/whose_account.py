"""The page that asks which Stripe account a key is of, when Stripe accepts the key and does not say."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.tenancy import recently_authenticated
from stripe_keys import binding, installs
from stripe_keys.account_names import listed_accounts, short_account
from stripe_keys.forms.stripe_account import NameAccountForm
from stripe_keys.models import RestrictedKey
from stripe_keys.pastes.limits import TooManyPastes
from stripe_keys.views import CONFIRM_REFUSALS, address_of, in_words, key_of, person_of, to_key


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def name_account(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Explain where the account's id stands, take it, and have Stripe asked about it."""
    key = key_of(request, key_id)
    if request.method != "POST":
        return _page(request, key, NameAccountForm()) if key.is_asked_for_account else to_key(key)
    form = NameAccountForm(request.POST)
    if not form.is_valid():
        return _page(request, key, form, status=422) if key.is_asked_for_account else to_key(key)
    try:
        installs.name_account(
            key=key,
            user=person_of(request),
            stripe_account_id=form.account_id,
            now=timezone.now(),
            remote_address=address_of(request),
        )
    except TooManyPastes as refusal:
        wait = in_words(refusal.retry_after)
        form.add_error("account", f"An account was named too often lately. You can try again in {wait}.")
        return _page(request, key, form, status=429)
    except installs.InstallRefused as refusal:
        if refusal.code != "not_connected":
            messages.error(request, CONFIRM_REFUSALS.get(refusal.code, CONFIRM_REFUSALS["stale"]))
            return to_key(key)
        form.add_error("account", _not_connected(key, form.account_id, refusal.accounts))
        return _page(request, key, form, status=422)
    return to_key(key)


def _not_connected(key: RestrictedKey, named: str, connected: tuple[str, ...]) -> str:
    return (
        f"You named {short_account(named)}, but connected {listed_accounts(connected)} in {key.mode} mode. If the key "
        "is of the connected account, name that one; otherwise remove this key and copy the one of the connected "
        "account."
    )


def _page(
    request: HttpRequest, key: RestrictedKey, form: NameAccountForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "key": key,
        "form": form,
        "connected": listed_accounts(binding.connected_accounts(key), last="or"),
    }
    return render(request, "stripe_keys/name_account.html", context, status=status)
