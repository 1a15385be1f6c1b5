"""The timeline that merchants take along tells who chose the app, which keys it made and which it ended; no secrets."""

import json

from django.test import Client
from django.utils import timezone

from stripe_keys import services
from stripe_keys.managed import arrangements
from stripe_keys.models import Minting, Retirement
from tests.stripe_keys.managed.conftest import Managed
from work import engine


def test_choice_making_and_ending_are_told_without_secrets(
    managed: Managed, adas_browser: Client, eves_browser: Client
) -> None:
    management = managed.choose_app()
    managed.work()
    key = managed.key()
    arrangements.renew(management=management, user=managed.ada, now=timezone.now())
    engine.drain("mintings")
    engine.drain("validations")
    sealed = Retirement.objects.get().sealed
    Minting.objects.filter(key=None).delete()

    text = adas_browser.get("/stripe/export/").getvalue().decode()
    told = json.loads(text)

    assert told["key_managements"][0]["keys_come_from"] == "app"
    assert told["key_managements"][0]["chosen_by"] == managed.ada.email
    assert [(one["reason"], one["outcome"]) for one in told["keys_made"]] == [
        ("first", "made"),
        ("asked", "made"),
    ]
    assert told["keys_ended"][0]["key"] == str(key.pk) == told["keys_made"][0]["key"]
    assert told["keys"][0]["managed_by"] == "app"
    assert sealed
    assert sealed not in text
    of_eve = eves_browser.get("/stripe/export/").getvalue().decode()
    assert key.stripe_key_id not in of_eve
    assert json.loads(of_eve)["keys_made"] == []


def test_removal_is_told_as_the_merchants_choice(managed: Managed, adas_browser: Client) -> None:
    managed.choose_app()
    managed.work()
    services.remove(key=managed.key(), user=managed.ada, now=timezone.now())

    told = json.loads(adas_browser.get("/stripe/export/").getvalue())

    assert told["key_managements"][0]["keys_come_from"] == "merchant"
    assert told["keys_ended"][0]["cause"] == "removed"
