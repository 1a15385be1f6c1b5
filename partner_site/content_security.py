"""What the pages of this site may load and where their forms may lead."""

from collections.abc import Sequence

_OWN = "'self'"
_NOTHING = "'none'"


def content_security_policy(*, may_redirect_to: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """The policy as django-csp takes it; `may_redirect_to` are origins that a form's answer may redirect to."""
    return {
        "DIRECTIVES": {
            "default-src": [_NOTHING],
            "script-src": [_OWN],
            "style-src": [_OWN],
            "img-src": [_OWN, "data:"],  # the second factor's QR code is a data: image
            "font-src": [_OWN],
            "connect-src": [_OWN],
            # "Connect" is a form whose answer redirects to Stripe, and browsers apply form-action to redirects too.
            "form-action": [_OWN, *may_redirect_to],
            "frame-ancestors": [_NOTHING],
            "base-uri": [_NOTHING],
            "object-src": [_NOTHING],
        }
    }
