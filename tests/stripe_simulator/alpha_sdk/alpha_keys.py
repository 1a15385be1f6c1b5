"""`client.v2.iam.api_keys` of Stripe's alpha library, every method and model of it."""

import pytest
import stripe
from stripe.v2.iam import ApiKey

from tests.stripe_simulator.alpha_sdk.conftest import App


def created(app: App, name: str = "Ours") -> ApiKey:
    return app.client.v2.iam.api_keys.create(
        {
            "type": "secret_key",
            "name": name,
            "note": "Made by the app",
            "permissions": ["charge_read"],
            "connect_permissions": ["api_key_write"],
            "expires_at": "2099-01-01T00:00:00.000Z",
            "public_key": app.public_key,
        }
    )


def token_of(app: App, key: ApiKey) -> str:
    """In live mode the secret is encrypted, in test mode in the clear."""
    assert isinstance(key.secret_key, ApiKey.SecretKey)
    if not app.livemode:
        assert key.secret_key.token is not None
        return key.secret_key.token
    encrypted = key.secret_key.encrypted_secret
    assert isinstance(encrypted, ApiKey.SecretKey.EncryptedSecret)
    assert (encrypted.format, encrypted.recipient_key_id) == ("jwe_compact", "label")
    return app.opened(encrypted.ciphertext)


def test_create(app: App) -> None:
    key = created(app)

    assert type(key) is ApiKey
    assert (key.object, key.type, key.status) == (
        ApiKey.OBJECT_NAME,
        "secret_key",
        "active",
    )
    assert key.id.startswith("mk_")
    assert key.livemode is app.livemode
    assert (key.name, key.note, key.permissions) == (
        "Ours",
        "Made by the app",
        ["charge_read"],
    )
    assert (key.connect_permissions, key.ip_allowlist) == (["api_key_write"], [])
    assert key.expires_at == "2099-01-01T00:00:00.000Z"
    assert key.created.endswith("Z")
    assert isinstance(key.managed_by, ApiKey.ManagedBy)
    assert key.managed_by.type == "application"
    assert isinstance(key.managed_by.application, ApiKey.ManagedBy.Application)
    assert app.works(token_of(app, key))


def test_create_publishable(app: App) -> None:
    key = app.client.v2.iam.api_keys.create({"type": "publishable_key"})

    assert isinstance(key.publishable_key, ApiKey.PublishableKey)
    assert key.publishable_key.token.startswith("pk_live_" if app.livemode else "pk_test_")


def test_retrieve(app: App) -> None:
    key = created(app)
    app.works(token_of(app, key))

    found = app.client.v2.iam.api_keys.retrieve(key.id)

    assert type(found) is ApiKey
    assert (found.id, found.created) == (key.id, key.created)
    assert found.last_used is not None
    assert isinstance(found.secret_key, ApiKey.SecretKey)
    assert found.secret_key.secret_token_redacted is not None
    assert hasattr(found.secret_key, "token") is not app.livemode


def test_list(app: App) -> None:
    ids = [created(app, f"Key {number}").id for number in range(3)]
    app.client.v2.iam.api_keys.expire(ids[0])

    living = app.client.v2.iam.api_keys.list({"limit": 1})
    every = app.client.v2.iam.api_keys.list({"limit": 2, "include_expired": True})

    assert type(living) is stripe.v2.ListObject
    assert all(type(key) is ApiKey for key in living.data)
    assert [key.id for key in living.auto_paging_iter()] == [ids[2], ids[1]]
    assert [key.status for key in every.auto_paging_iter()] == [
        "active",
        "active",
        "expired",
    ]


def test_update(app: App) -> None:
    key = created(app)

    changed = app.client.v2.iam.api_keys.update(key.id, {"name": "Another", "permissions": ["customer_read"]})

    assert type(changed) is ApiKey
    assert (changed.id, changed.name, changed.permissions) == (
        key.id,
        "Another",
        ["customer_read"],
    )


def test_rotate(app: App) -> None:
    key = created(app)

    successor = app.client.v2.iam.api_keys.rotate(
        key.id, {"expire_current_key_in_minutes": 60, "public_key": app.public_key}
    )

    assert type(successor) is ApiKey
    assert successor.id != key.id
    assert app.works(token_of(app, key))
    assert app.works(token_of(app, successor))


def test_expire(app: App) -> None:
    key = created(app)

    ended = app.client.v2.iam.api_keys.expire(key.id)

    assert (type(ended), ended.status) == (ApiKey, "expired")
    assert not app.works(token_of(app, key))
    with pytest.raises(stripe.InvalidRequestError) as caught:
        app.client.v2.iam.api_keys.expire(key.id)
    assert (caught.value.http_status, caught.value.code) == (404, "not_found")


def test_same_idempotency_key_makes_one_key(app: App) -> None:
    options: stripe.RequestOptions = {"idempotency_key": f"once-{app.account}"}

    made = [app.client.v2.iam.api_keys.create({"type": "publishable_key"}, options).id for _ in range(2)]

    assert made[0] == made[1]
