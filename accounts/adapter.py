"""How allauth behaves here: a merchant is opened with its first user, and a mail server that is down breaks no page."""

import smtplib
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.signup import prevent_enumeration
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import services
from accounts.forms import no_stripe_key
from accounts.models import User

log = structlog.get_logger(__name__)

_LINKS = ("activate_url", "password_reset_url", "signup_url")
_MAIL_FAILED = "We could not send the mail just now. Please try again in a few minutes."


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth carries no types
    """allauth's account adapter for this site."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Store the new user and open their merchant, both or neither.

        Two sign-ups with one address at the same moment: the second gets the answer of an address that is known.
        """
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
                services.open_merchant(user=saved, name=form.cleaned_data["company"])
            # They chose the password just now: for the next minutes nobody needs to ask for it again.
            record_authentication(request, saved, method="password")
        except IntegrityError:
            answer = prevent_enumeration(request, email=form.cleaned_data["email"])
            raise ImmediateHttpResponse(answer) from None
        return saved

    def clean_email(self, email: str) -> str:
        """The address, unless a Stripe key was pasted into it."""
        no_stripe_key(email)
        cleaned: str = super().clean_email(email)
        return cleaned

    def is_safe_url(self, url: str | None) -> bool:
        """Whether to follow `url` after a step of signing in: only to this site, never less secure than now."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={urlsplit(settings.SITE_URL).netloc}, require_https=settings.SITE_IS_HTTPS
        )

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, Any], headers: dict[str, str] | None = None
    ) -> EmailMessage:
        """Render a mail; its links begin with SITE_URL, whatever host the request was made to."""
        links = {name: _on_this_site(context[name]) for name in _LINKS if name in context}
        known = {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL}
        mail: EmailMessage = super().render_mail(
            template_prefix, email, {**context, **known, **links}, headers
        )
        return mail

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail now. When the mail server does not take it, say so on the page instead of failing the request.

        These mails carry one-time links, so they are not kept in the database to be sent later; each can be asked
        for again.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException) as problem:
            log.warning("mail_not_sent", mail=template_prefix, problem=type(problem).__name__)
            messages.error(self.request, _MAIL_FAILED)


def _on_this_site(url: str) -> str:
    return str(settings.SITE_URL) + urlunsplit(urlsplit(url)._replace(scheme="", netloc=""))
