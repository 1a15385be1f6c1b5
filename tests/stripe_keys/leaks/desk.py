"""What ops do at the leak desk, and what comes of it."""

from html import unescape
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Notice, User
from accounts.second_factors import set_up_totp
from accounts.services import ensure_user, make_staff
from stripe_keys.models import RestrictedKey
from tests import people

DESK = "/ops/stripe_keys/restrictedkey/leak-desk/"
FOUND = f"{DESK}found/"


def settle(key: RestrictedKey, status: str, **fields: Any) -> RestrictedKey:
    """The key in `status`, without asking Stripe."""
    given = {"status": status, "stripe_account_id": "acct_1AdasAccount0000"} | fields
    RestrictedKey.objects.filter(pk=key.pk).update(**given)
    key.refresh_from_db()
    return key


def look_up(browser: Client, text: str) -> Any:
    """Paste a text at the desk and follow to what was found."""
    return browser.post(DESK, {"text": text}, follow=True)


def act(browser: Client, *keys: RestrictedKey) -> Any:
    """Press the button of these keys on the page of what was found."""
    ids = ",".join(key.pk.hex for key in keys)
    return browser.post(f"{FOUND}?read={len(keys)}&keys={ids}", {"act": ids}, follow=True)


def words_of(answer: Any) -> str:
    """The page as text."""
    return " ".join(unescape(answer.content.decode()).split())


def told(user: User) -> list[Notice]:
    """The mails to the user's merchant."""
    return list(Notice.objects.filter(merchant=people.merchant_of(user)).order_by("pk"))


def reasons(key: RestrictedKey) -> list[str]:
    """What the key's history says, the oldest first."""
    return list(key.status_changes.order_by("pk").values_list("reason", flat=True))


def staff_with(*rights: str) -> Client:
    """A browser of staff with these rights and no others."""
    staff = ensure_user(email="newcomer@example.com", password=people.PASSWORD)
    make_staff(user=staff, superuser=False)
    set_up_totp(user=staff, secret=people.TOTP_SECRET)
    staff.groups.clear()
    staff.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return people.a_client_of(staff, second_factor=True)
