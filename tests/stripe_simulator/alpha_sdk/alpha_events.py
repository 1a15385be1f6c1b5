"""The six event classes of keys in Stripe's alpha library, as notifications and as fetched events."""

from stripe.events import (
    V2IamApiKeyCreatedEvent,
    V2IamApiKeyCreatedEventNotification,
    V2IamApiKeyDefaultSecretRevealedEvent,
    V2IamApiKeyDefaultSecretRevealedEventNotification,
    V2IamApiKeyExpiredEvent,
    V2IamApiKeyExpiredEventNotification,
    V2IamApiKeyPermissionsUpdatedEvent,
    V2IamApiKeyPermissionsUpdatedEventNotification,
    V2IamApiKeyRotatedEvent,
    V2IamApiKeyRotatedEventNotification,
    V2IamApiKeyUpdatedEvent,
    V2IamApiKeyUpdatedEventNotification,
)

from tests.postbox import Postbox
from tests.stripe_simulator.alpha_sdk.conftest import App

NOTIFICATIONS = (
    V2IamApiKeyCreatedEventNotification,
    V2IamApiKeyUpdatedEventNotification,
    V2IamApiKeyPermissionsUpdatedEventNotification,
    V2IamApiKeyDefaultSecretRevealedEventNotification,
    V2IamApiKeyRotatedEventNotification,
    V2IamApiKeyExpiredEventNotification,
)
DATA = {
    V2IamApiKeyCreatedEvent: V2IamApiKeyCreatedEvent.V2IamApiKeyCreatedEventData,
    V2IamApiKeyUpdatedEvent: V2IamApiKeyUpdatedEvent.V2IamApiKeyUpdatedEventData,
    V2IamApiKeyPermissionsUpdatedEvent: V2IamApiKeyPermissionsUpdatedEvent.V2IamApiKeyPermissionsUpdatedEventData,
    V2IamApiKeyDefaultSecretRevealedEvent: (
        V2IamApiKeyDefaultSecretRevealedEvent.V2IamApiKeyDefaultSecretRevealedEventData
    ),
    V2IamApiKeyRotatedEvent: V2IamApiKeyRotatedEvent.V2IamApiKeyRotatedEventData,
    V2IamApiKeyExpiredEvent: V2IamApiKeyExpiredEvent.V2IamApiKeyExpiredEventData,
}


def test_every_event_of_a_key_is_parsed_and_fetched_as_its_own_class(
    app: App, postbox: Postbox, secret: str
) -> None:
    keys = app.client.v2.iam.api_keys
    key = keys.create(
        {
            "type": "secret_key",
            "permissions": ["charge_read"],
            "public_key": app.public_key,
        }
    )
    keys.update(key.id, {"name": "Another"})
    keys.update(key.id, {"permissions": ["customer_read"]})
    app.admin.reveal_key(key.id)
    successor = keys.rotate(key.id, {"public_key": app.public_key})
    keys.expire(successor.id)

    told = {}
    for letter in postbox.wait_for(6):
        notification = app.client.parse_event_notification(letter.body, letter.signature, secret)
        assert isinstance(notification, NOTIFICATIONS)
        assert (str(notification.context), notification.livemode) == (app.account, app.livemode)
        event = notification.fetch_event()
        assert (event.id, event.type) == (notification.id, notification.type)
        assert isinstance(event.data, DATA[type(event)])
        told[type(notification)] = event.data.to_dict()

    assert told == {
        **{kind: {"api_key": key.id} for kind in NOTIFICATIONS},
        V2IamApiKeyRotatedEventNotification: {"api_key": key.id, "new_api_key": successor.id},
        V2IamApiKeyExpiredEventNotification: {"api_key": successor.id},
    }


def test_events_are_listed_as_their_own_classes(app: App) -> None:
    key = app.client.v2.iam.api_keys.create({"type": "publishable_key"})

    [event] = app.client.v2.core.events.list({"types": ["v2.iam.api_key.created"]}).data

    assert isinstance(event, V2IamApiKeyCreatedEvent)
    # Never `event.data.api_key`: every object of the library has an attribute of that name, the caller's own key.
    assert event.data["api_key"] == key.id
