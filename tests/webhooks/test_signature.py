"""The configured signing secrets: read by name, and complained about without being shown."""

import pytest
from pytest_django import Settings

from tests.people import a_signing_secret
from webhooks.signature import check_secrets, signing_secrets


def test_secrets_are_known_by_their_names(settings: Settings) -> None:
    live, test = a_signing_secret(), a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [f"live:{live}", f" test:{test}"]

    assert [(secret.name, secret.value) for secret in signing_secrets()] == [("live", live), ("test", test)]
    assert check_secrets() == []


@pytest.mark.parametrize("entry", ["{secret}", "live:", ":{secret}", "live:sk_test_1", "a name:{secret}", ""])
def test_entry_of_another_form_is_complained_about_and_not_used(settings: Settings, entry: str) -> None:
    secret = a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [entry.format(secret=secret)]

    (problem,) = check_secrets()

    assert problem.id == "webhooks.E001"
    assert secret not in f"{problem.msg} {problem.hint}"
    assert signing_secrets() == []


def test_two_secrets_of_one_name_are_complained_about(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [f"live:{a_signing_secret()}", f"live:{a_signing_secret()}"]

    assert [problem.id for problem in check_secrets()] == ["webhooks.E001"]
