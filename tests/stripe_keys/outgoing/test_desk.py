"""What ops see and do about outgoing messages, and what a collector reads."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from stripe_keys import outgoing
from stripe_keys.models import OutgoingMessage, PartnerEndpoint
from tests import people
from tests.stripe_keys.outgoing.receiver import Receiver
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db
ENDPOINTS = reverse("admin:stripe_keys_partnerendpoint_changelist")
MESSAGES = reverse("admin:stripe_keys_outgoingmessage_changelist")


@pytest.fixture
def endpoint(receiver: Receiver) -> PartnerEndpoint:
    """The endpoint as the desk lists it."""
    return PartnerEndpoint.objects.create(name="ledger")


def act(browser: Client, page: str, action: str, *pks: int) -> str:
    """Have an action done with some rows; what the page says then."""
    answer = browser.post(page, {"action": action, "_selected_action": list(pks)}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_ops_send_a_test_message_and_it_is_noted_who_did(
    olgas_browser: Client, olga: User, endpoint: PartnerEndpoint
) -> None:
    said = act(olgas_browser, ENDPOINTS, "send_test", endpoint.pk)

    message = OutgoingMessage.objects.get()
    assert (message.type, message.endpoint) == ("endpoint.test", "ledger")
    assert "1 of 1 will be sent a test message" in said
    assert message.message_id in LogEntry.objects.get(user=olga).change_message


def test_staff_who_may_only_look_send_nothing(endpoint: PartnerEndpoint) -> None:
    looker = people.an_ops_person("looker@example.com")
    User.objects.filter(pk=looker.pk).update(is_superuser=False)
    looker.user_permissions.set(Permission.objects.filter(codename="view_partnerendpoint"))
    browser = people.a_client_of(looker, second_factor=True)

    assert browser.get(ENDPOINTS).status_code == 200
    browser.post(ENDPOINTS, {"action": "send_test", "_selected_action": [endpoint.pk]})

    assert not OutgoingMessage.objects.exists()


def test_ops_have_a_gone_endpoint_asked_again(olgas_browser: Client, endpoint: PartnerEndpoint) -> None:
    PartnerEndpoint.objects.update(gone_at="2026-11-01T00:00Z", failing_since="2026-11-01T00:00Z", failures=1)
    assert "Gone (410)" in olgas_browser.get(ENDPOINTS).content.decode()

    act(olgas_browser, ENDPOINTS, "ask_again", endpoint.pk)

    endpoint.refresh_from_db()
    assert endpoint.gone_at is None
    assert "Taking messages" in olgas_browser.get(ENDPOINTS).content.decode()
    assert LogEntry.objects.count() == 1


def test_ops_revive_many_dead_messages_at_once_and_no_others(
    olgas_browser: Client, ada: User, endpoint: PartnerEndpoint
) -> None:
    key = a_key(ada)
    for _ in range(3):
        outgoing.tell(key, outgoing.EXPIRING)
    dead, also_dead, done = OutgoingMessage.objects.order_by("pk")
    OutgoingMessage.objects.filter(pk__in=[dead.pk, also_dead.pk]).update(state="dead", attempts=10)
    OutgoingMessage.objects.filter(pk=done.pk).update(state="done")

    said = act(olgas_browser, MESSAGES, "revive_dead", dead.pk, also_dead.pk, done.pk)

    states = list(OutgoingMessage.objects.order_by("pk").values_list("state", "attempts"))
    assert states == [("waiting", 0), ("waiting", 0), ("done", 0)]
    assert "2 of 3 will be tried again" in said
    assert LogEntry.objects.count() == 2


def test_the_address_of_an_endpoint_is_not_shown(
    olgas_browser: Client, receiver: Receiver, endpoint: PartnerEndpoint
) -> None:
    page = reverse("admin:stripe_keys_partnerendpoint_change", args=[endpoint.pk])

    assert "of-the-address" not in olgas_browser.get(page).content.decode()


def test_a_collector_reads_how_each_endpoint_does(
    client: Client, ada: User, endpoint: PartnerEndpoint, settings: Settings
) -> None:
    settings.METRICS_TOKEN = people.some_letters(24)
    outgoing.tell(a_key(ada), outgoing.EXPIRING)

    told = client.get(
        "/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
    ).content.decode()

    assert 'partner_messages_waiting{endpoint="ledger"} 1.0' in told
    assert 'partner_messages_dead{endpoint="ledger"} 0.0' in told
    assert 'partner_endpoints_left_alone{endpoint="ledger"} 0.0' in told
    assert 'partner_messages_oldest_age_seconds{endpoint="ledger"}' in told
