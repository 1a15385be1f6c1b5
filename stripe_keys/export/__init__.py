"""A merchant's timeline as one JSON document, written piece by piece, so that its length costs no memory.

Version 1, `{"format": "stripe-keys-timeline", "version": 1, …, "complete": true}`; what is added later leaves the names
below as they are. A document without `complete` at its end was cut off. Moments are ISO 8601 in UTC, keys are named by
their `id` here, and whatever is not known is null or "".

- `exported_at`, `site`
- `merchant`: id, name, opened_at, closed_at, members (email, role, since)
- `installs`: stripe_account_id, mode, status, proof, installed_at, ended_at
- `keys`: id, display, mode, purpose, managed_by (`app` or `user`), is_unrestricted, status, stripe_account_id,
  stripe_key_id, added_by, added_at, rotated_at, expires_at, suspended_at, unreadable_since, last_checked_at,
  last_ok_at, next_check_at, last_surveyed_at, last_problem, replaced_by
- `status_changes`: key, at, from, to, by, reason
- `checks`: key, reason, asked_at, finished_at, state, verdict, asked_by, permissions (name → outcome, where no later
  check has asked again)
- `permissions`: key, permission, outcome, checked_at: what is known of each, needed or not
- `uses`: key, at, by, reason: each time that the key was decrypted
- `calls`: key, day (UTC), method, path (a template, never an id), outcome, count: what the key was used for
- `pastes`: at, kind, by: each paste, and each naming of an account, that counted against the limits
- `key_managements`: mode, purpose, stripe_account_id, keys_come_from (`app` or `merchant`), chosen_at, chosen_by,
  next_renewal_at, problem
- `keys_made`, by the app: key, stripe_key_id, mode, purpose, reason, asked_at, asked_by, state, finished_at, outcome
- `keys_ended`, at Stripe by the app: key, stripe_key_id, stripe_account_id, mode, cause, asked_at, ended_at_stripe_at,
  seen_refused_at, state, outcome
- `publishable_keys`: mode, stripe_account_id, stripe_key_id, text (no secret), made_at
- `secret_keys`, retired elsewhere: mode, last4, stripe_key_id, begun_at, retired_at, proof, proven_at, proven_by,
  event_id, taken_back_at, taken_back_by
- `notices`: subject, written_at, state, sent_at: mails to the merchant

No secret, no fingerprint, nothing of others. Who is not of the merchant is `support` or somebody no longer here. Of a
key whose account never matched it says as little as its page: more would tell what a stolen key is good for.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet

from accounts.models import Membership, Merchant, Notice, User
from stripe_keys import app_installs, portrait
from stripe_keys.export import managed, secret_keys
from stripe_keys.models import (
    KeySubmission,
    KeyUsage,
    KeyUse,
    PermissionCheck,
    RestrictedKey,
    StatusChange,
    StripeInstall,
    Validation,
)

FORMAT, VERSION = "stripe-keys-timeline", 1
_ROWS_AT_ONCE = 500
_PIECE = 16_384  # characters
_ADDRESS = re.compile(r"[^\s<>@,;:]+@[^\s<>@,;:]*[^\s<>@,;:.]")

Row = dict[str, Any]


class People:
    """How the people in a merchant's records are called."""

    def __init__(self, merchant: Merchant) -> None:
        self.members = set(
            User.objects.filter(membership__merchant=merchant, is_staff=False).values_list("email", flat=True)
        )
        self._found: dict[str, str] = {}

    def called(self, who: str | None) -> str:
        """A member by their address, one of us as support, and Stripe or the site by their names."""
        if not who or "@" not in who or who in self.members:
            return who or ""
        if who not in self._found:
            is_staff = User.objects.filter(email=who, is_staff=True).exists()
            self._found[who] = "support" if is_staff else "somebody no longer here"
        return self._found[who]

    def without_others(self, text: str) -> str:
        """A sentence without the addresses of anybody else."""
        return _ADDRESS.sub(lambda match: self.called(match.group()), text)


def pieces(*, merchant: Merchant, now: datetime) -> Iterator[str]:
    """The document, some kilobytes at a time."""
    gathered: list[str] = []
    size = 0
    for text in _written(merchant, now):
        gathered.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(gathered)
            gathered, size = [], 0
    yield "".join(gathered)


def _written(merchant: Merchant, now: datetime) -> Iterator[str]:
    people = People(merchant)
    head = {"format": FORMAT, "version": VERSION, "exported_at": now, "site": settings.SITE_NAME}
    yield f"{_json(head)[:-1]}"
    yield f',\n"merchant": {_json(_merchant(merchant))}'
    for name, rows in (
        ("installs", _installs(merchant)),
        ("keys", _keys(merchant, people, now)),
        ("status_changes", _status_changes(merchant, people)),
        ("checks", _checks(merchant, people)),
        ("permissions", _permissions(merchant)),
        ("uses", _uses(merchant, people)),
        ("calls", _calls(merchant)),
        ("pastes", _pastes(merchant, people)),
        *managed.lists(merchant, people.called),
        ("secret_keys", secret_keys.rows(merchant, people.called)),
        ("notices", _notices(merchant, people)),
    ):
        yield f',\n"{name}": ['
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n{_json(row)}"
        yield "]"
    yield ',\n"complete": true}\n'


def _json(row: Row) -> str:
    utc = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()
    }
    return json.dumps(utc, cls=DjangoJSONEncoder, ensure_ascii=False)


def _each(rows: QuerySet[Any], made: Callable[[Any], Row]) -> Iterator[Row]:
    return map(made, rows.order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE))


def _merchant(merchant: Merchant) -> Row:
    members = Membership.objects.filter(merchant=merchant, user__is_staff=False).order_by("pk")
    return {
        "id": merchant.pk,
        "name": merchant.name,
        "opened_at": merchant.created_at,
        "closed_at": merchant.closed_at,
        "members": [
            {"email": one.user.email, "role": one.role, "since": one.created_at}
            for one in members.select_related("user")
        ],
    }


def _installs(merchant: Merchant) -> Iterator[Row]:
    return _each(
        StripeInstall.objects.filter(merchant=merchant).prefetch_related("apps"),
        lambda one: {
            "stripe_account_id": one.stripe_account_id,
            "mode": "live" if one.livemode else "test",
            "status": one.status,
            "proof": one.proof,
            "installed_at": one.installed_at,
            "ended_at": one.uninstalled_at,
            "apps": [app_installs.as_told(told) for told in one.apps.all()],
        },
    )


def _keys(merchant: Merchant, people: People, now: datetime) -> Iterator[Row]:
    rows = RestrictedKey.objects.filter(merchant=merchant).select_related("added_by")

    def made(key: RestrictedKey) -> Row:
        seen = portrait.as_shown(key, now)
        plain = (
            "id",
            "display",
            "mode",
            "purpose",
            "managed_by",
            "is_unrestricted",
            "status",
            "stripe_account_id",
            "stripe_key_id",
        )
        moments = (
            "rotated_at",
            "expires_at",
            "suspended_at",
            "last_checked_at",
            "last_ok_at",
            "next_check_at",
            "last_surveyed_at",
        )
        return {
            **{name: getattr(seen, name) for name in plain},
            "added_by": people.called(seen.added_by.email if seen.added_by else ""),
            "added_at": seen.created_at,
            **{name: getattr(seen, name) for name in moments},
            "unreadable_since": seen.quarantined_at,
            "last_problem": seen.last_problem,
            "replaced_by": seen.replaced_by_id,
        }

    return _each(rows, made)


def _of_tellable_keys(merchant: Merchant) -> Q:
    """Rows about the keys of `merchant`, apart from those whose account is not known to be theirs."""
    unknown = Q(key__status__in=["pending", "rejected"], key__stripe_account_id="")
    return Q(key__merchant=merchant) & (~unknown | Q(key__last_problem="never_proven"))


def _status_changes(merchant: Merchant, people: People) -> Iterator[Row]:
    return _each(
        StatusChange.objects.filter(_of_tellable_keys(merchant)),
        lambda one: {
            "key": one.key_id,
            "at": one.at,
            "from": one.from_status,
            "to": one.to_status,
            "by": people.called(one.actor),
            "reason": people.without_others(one.reason),
        },
    )


def _checks(merchant: Merchant, people: People) -> Iterator[Row]:
    rows = Validation.objects.filter(_of_tellable_keys(merchant)).select_related("requested_by")
    return _each(
        rows.prefetch_related("permission_checks"),
        lambda one: {
            "key": one.key_id,
            "reason": one.reason,
            "asked_at": one.created_at,
            "finished_at": one.finished_at,
            "state": one.state,
            "verdict": one.verdict,
            "asked_by": people.called(one.requested_by.email if one.requested_by else ""),
            "permissions": {each.permission: each.outcome for each in one.permission_checks.all()},
        },
    )


def _permissions(merchant: Merchant) -> Iterator[Row]:
    return _each(
        PermissionCheck.objects.filter(_of_tellable_keys(merchant)),
        lambda one: {
            "key": one.key_id,
            "permission": one.permission,
            "outcome": one.outcome,
            "checked_at": one.checked_at,
        },
    )


def _uses(merchant: Merchant, people: People) -> Iterator[Row]:
    return _each(
        KeyUse.objects.filter(_of_tellable_keys(merchant)),
        lambda one: {
            "key": one.key_id,
            "at": one.at,
            "by": people.called(one.actor),
            "reason": people.without_others(one.reason),
        },
    )


def _calls(merchant: Merchant) -> Iterator[Row]:
    return _each(
        KeyUsage.objects.filter(_of_tellable_keys(merchant)),
        lambda one: {
            "key": one.key_id,
            "day": one.day,
            "method": one.method,
            "path": one.template,
            "outcome": one.outcome,
            "count": one.count,
        },
    )


def _pastes(merchant: Merchant, people: People) -> Iterator[Row]:
    return _each(
        KeySubmission.objects.filter(merchant=merchant).select_related("user").defer("fingerprint"),
        lambda one: {"at": one.at, "kind": one.kind, "by": people.called(one.user.email)},
    )


def _notices(merchant: Merchant, people: People) -> Iterable[Row]:
    return _each(
        Notice.objects.filter(merchant=merchant).defer("body"),
        lambda one: {
            "subject": people.without_others(one.subject),
            "written_at": one.created_at,
            "state": one.state,
            "sent_at": one.finished_at if one.state == Notice.State.DONE else None,
        },
    )
