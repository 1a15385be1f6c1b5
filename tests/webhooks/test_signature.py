"""The configured signing secrets: read by name, and complained about without being shown."""

import hmac
import time

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.people import a_signing_secret
from webhooks import signature
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


@pytest.mark.parametrize(
    "names", [["live.previous"], ["live", "live.previous", "live.previous.previous"]], ids=str
)
def test_previous_secret_without_its_current_one_is_complained_about(
    settings: Settings, names: list[str]
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [f"{name}:{a_signing_secret()}" for name in names]

    assert [problem.id for problem in check_secrets()] == ["webhooks.E002"]


def test_one_secret_under_two_names_is_complained_about(settings: Settings) -> None:
    secret = a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [f"live:{secret}", f"live.previous:{secret}"]

    (problem,) = check_secrets()

    assert problem.id == "webhooks.E003"
    assert secret not in f"{problem.msg} {problem.hint}"


def test_current_secrets_are_asked_first_and_every_one_is_tried(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, test = (a_signing_secret() for _ in range(3))
    settings.STRIPE_WEBHOOK_SECRETS = [f"live.previous:{old}", f"live:{new}", f"test:{test}"]
    assert [secret.name for secret in signing_secrets()] == ["live", "test", "live.previous"]
    claim = signature.Claim(
        "1", tuple(hmac.digest(key.encode(), b"1.body", "sha256").hex() for key in (old, new))
    )
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def counting(expected: bytes, given: bytes) -> bool:
        compared.append(given)
        return compare(expected, given)

    monkeypatch.setattr(hmac, "compare_digest", counting)

    assert signature.secret_that_signed(claim, b"body") == "live"
    assert len(compared) == 6, "each secret with each signature, though the first one fits"


def test_endless_headers_are_refused_in_no_time() -> None:
    header = "t=1,v1=" + ",v1=".join(["0" * 64] * 100_000)
    began = time.thread_time()

    for _ in range(10):
        with pytest.raises(signature.BadSignature):
            signature.read_header(header, now=timezone.now())

    assert (time.thread_time() - began) / 10 < 0.01
