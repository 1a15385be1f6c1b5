"""Stripe's refusals, word for word where the words are known. Each function returns the error to raise."""

from typing import Any
from urllib.parse import quote

from stripe_simulator import catalogue, tokens
from stripe_simulator.state import ApiKey

DOCS = "https://stripe.com/docs/error-codes/"


class ApiError(Exception):
    """An answer other than 200: status and the fields of its `error` member."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None, **fields: Any):
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        kind = fields.pop("type", "invalid_request_error")
        given = {name: value for name, value in fields.items() if value is not None}
        if "code" in given:
            given["doc_url"] = DOCS + str(given["code"]).replace("_", "-")
        self.fields: dict[str, Any] = {"message": message, "type": kind, **given}

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.fields}


def no_key() -> ApiError:
    return ApiError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def unknown_key(token: str) -> ApiError:
    return ApiError(401, f"Invalid API Key provided: {tokens.starred(token, 4)}")


def expired_key(token: str) -> ApiError:
    message = f"Expired API Key provided: {tokens.starred(token, 4)}"
    return ApiError(401, message, code="api_key_expired")


def address_refused(address: str) -> ApiError:
    message = f"The API key provided does not allow requests from your IP address ({address})."
    return ApiError(401, message)


def publishable_key() -> ApiError:
    return ApiError(
        403,
        "This API call cannot be made with a publishable API key. Please use a secret API key.",
        code="secret_key_required",
    )


def account_unreachable(key: ApiKey, account: str) -> ApiError:
    return ApiError(
        403,
        f"The provided key '{tokens.starred(key.token, 4)}' does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def permission_missing(key: ApiKey, wanted: list[str], *, wording: str, dashboard: str) -> ApiError:
    """Refuse for want of any of these permissions, in the wording of 2021, of 2026, or one that says nothing."""
    if wording == "2021":
        return ApiError(
            403,
            f"The provided key '{tokens.starred(key.token, 6)}' does not have the required permissions for this "
            f"endpoint on account '{key.account}'. Having {_older_names(wanted)} would allow this request to "
            "continue.",
        )
    if wording == "vague":
        return ApiError(403, "The provided key does not have the required permissions for this endpoint.")
    named = ", ".join(f"{catalogue.label(name)} ('{name}')" for name in wanted[:1])
    return ApiError(
        403,
        f"Permission denied. The provided key '{key.shortened}' does not have the required permissions for this "
        f"endpoint on account '{key.account}'. Enabling {named} permissions on this key would allow this request to "
        f"continue. You can edit permissions at {edit_link(key, dashboard)}",
        code="more_permissions_required",
    )


def edit_link(key: ApiKey, dashboard: str) -> str:
    """Return the Dashboard address where this key's permissions are edited."""
    page = f"{'' if key.livemode else '/test'}/apikeys/{key.id}/edit"
    return f"{dashboard}/b/{key.account}?destination={quote(page, safe='')}"


def _older_names(wanted: list[str]) -> str:
    if len(wanted) > 1:
        return "more permissions"
    return f"the '{catalogue.elder_name(wanted[0])}' permission"


def app_not_allowed(account: str) -> ApiError:
    return ApiError(
        403,
        f"This application does not have the required permissions for this endpoint on account '{account}'. "
        "Having the 'api_key_write' scope would allow this request to continue.",
    )


def no_such(what: str, identifier: str, *, in_other_mode: bool, livemode: bool) -> ApiError:
    message = f"No such {what}: '{identifier}'"
    if in_other_mode:
        other, mine = ("test", "live") if livemode else ("live", "test")
        message += (
            f"; a similar object exists in {other} mode, but a {mine} mode key was used to make this request."
        )
    return ApiError(404, message, code="resource_missing", param="id")


def not_found_v2(identifier: str) -> ApiError:
    return ApiError(404, f"Object {identifier} was not found.", code="not_found")


def unknown_url(method: str, path: str) -> ApiError:
    return ApiError(404, f"Unrecognized request URL ({method}: {path}).")


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=param, code=code)


def idempotency_mismatch(key: str) -> ApiError:
    return ApiError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using "
        f"a key other than '{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def idempotency_in_use(key: str) -> ApiError:
    return ApiError(
        409,
        f"There is currently another in-progress request using this Idempotent Key: {key}.",
        code="idempotency_key_in_use",
    )


def too_many(reason: str | None, *, version: int) -> ApiError:
    """429, with the header that names the limit when a reason is given."""
    headers = {"Stripe-Rate-Limited-Reason": reason} if reason else {}
    kind = "rate_limit" if version == 2 else "invalid_request_error"
    return ApiError(
        429,
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        type=kind,
        headers=headers,
    )


def lock_timeout() -> ApiError:
    return ApiError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it. If you see this error intermittently, retry the request.",
        code="lock_timeout",
    )


def quoting(status: int, token: str) -> ApiError:
    """An answer that quotes the whole key, which Stripe promises nobody not to do."""
    headers = {"Stripe-Should-Retry": "false", "X-Stripe-Note": f"key {token}"}
    return ApiError(status, f"Invalid API Key provided: {token}", headers=headers, param=token)


def server_error(status: int) -> ApiError:
    return ApiError(
        status, "An unknown error occurred. Please contact support if it continues.", type="api_error"
    )
