"""Which settings are taken for endpoints of the partner's, and which keep the site from starting."""

import base64

import pytest
from pytest_django import Settings

from stripe_keys.checks import check_partner_endpoints
from stripe_keys.outgoing import endpoints
from tests.stripe_keys.outgoing.receiver import a_secret

GOOD = "ledger=https://ledger.example.com/in"


@pytest.fixture
def good(settings: Settings) -> Settings:
    """Settings of production that are as they should be."""
    settings.SITE_ENVIRONMENT = "production"
    settings.PARTNER_WEBHOOKS = [GOOD]
    settings.PARTNER_WEBHOOK_SECRETS = [f"ledger:{a_secret()}"]
    return settings


def refused() -> str:
    """What the start-up check says."""
    return "\n".join(str(problem.msg) for problem in check_partner_endpoints())


def test_no_endpoint_at_all_is_fine(good: Settings) -> None:
    good.PARTNER_WEBHOOKS = good.PARTNER_WEBHOOK_SECRETS = []

    assert refused() == ""
    assert endpoints.configured() == {}


def test_an_endpoint_has_all_its_secrets_the_first_one_first(good: Settings) -> None:
    newer, older = a_secret(), a_secret().rstrip("=")
    good.PARTNER_WEBHOOK_SECRETS = [f"ledger:{newer}", f"ledger:{older}"]

    assert refused() == ""
    assert endpoints.configured()["ledger"].secrets == (newer, older)


@pytest.mark.parametrize(
    "entry",
    [
        "https://ledger.example.com/in",
        "=https://ledger.example.com/in",
        "Ledger=https://ledger.example.com/in",
        f"{'l' * 25}=https://ledger.example.com/in",
        "ledger=http://ledger.example.com/in",
        "ledger=http://127.0.0.1/in",
        "ledger=https://127.0.0.1/in",
        "ledger=https://localhost/in",
        "ledger=https://[::1]/in",
        "ledger=https://somebody:hunter2@ledger.example.com/in",
        "ledger=https://ledger.example.com/in#part",
        "ledger=https://ledger.example.com:port/in",
        "ledger=https:///in",
        "ledger=ftp://ledger.example.com/in",
        "ledger=https://ledger.example.com/in out",
        "ledger=https://[ledger/in",
    ],
)
def test_production_refuses_an_address_that_is_not_safe_to_send_to(good: Settings, entry: str) -> None:
    good.PARTNER_WEBHOOKS = [entry]

    assert "Entry 1 of PARTNER_WEBHOOKS" in refused()
    assert "hunter2" not in refused()
    assert endpoints.configured() == {}


HOME = [
    "0.0.0.0",  # noqa: S104 # nothing is bound
    "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.9.9.9", "0.1.2.3", "127.0.0.1.", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0.0.0.0]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[::1%25lo]",
    "localhost.", "LOCALHOST", "a.localhost", "localhost.localdomain", "ip6-localhost", "%6c%6f%63alhost",
]  # fmt: skip
NOWHERE = [
    "169.254.169.254", "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:169.254.1.1]", "224.0.0.1", "[ff02::1]",
    "255.255.255.255", "240.0.0.1", "a..b", ".com", "*.com", "....", "-a.com", "a-.com", "a_b.com", "[v1.a]",
    f"{'l' * 64}.com", ".".join(["l" * 60] * 5), "ledger.example.com:0", "ledger.123", "1.2.3.4.5", "bücher.example",
    "ledger.example.com\\x",
]  # fmt: skip
FAR = [
    "ledger.example.com:8443", "LEDGER.Example.com", "ledger", "10.0.0.7", "192.168.1.1", "172.16.0.1", "[fd00::7]",
    "8.8.8.8", "[2606:4700::1]", "xn--bcher-kva.example", f"{'l' * 63}.com", "3com.com", "127.example.com",
]  # fmt: skip


@pytest.mark.parametrize("host", [*HOME, *NOWHERE])
def test_production_refuses_hosts_that_are_this_machine_or_none(good: Settings, host: str) -> None:
    good.PARTNER_WEBHOOKS = [f"ledger=https://{host}/in"]

    assert "Entry 1 of PARTNER_WEBHOOKS" in refused()
    assert endpoints.configured() == {}


@pytest.mark.parametrize("host", FAR)
def test_production_takes_names_and_addresses_of_the_own_network_too(good: Settings, host: str) -> None:
    good.PARTNER_WEBHOOKS = [f"ledger=https://{host}/in"]

    assert refused() == ""


@pytest.mark.parametrize("host", [*NOWHERE, "0.0.0.0", "[::]", "127.1"])  # noqa: S104 # nothing is bound
def test_a_host_that_is_none_is_refused_everywhere(good: Settings, host: str) -> None:
    good.SITE_ENVIRONMENT = "demo"
    good.PARTNER_WEBHOOKS = [f"ledger=http://{host}/in", f"ledger=https://{host}/in"]

    assert endpoints.configured() == {}


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost", "[::1]:9"])
def test_elsewhere_this_machine_may_be_sent_to_in_clear(good: Settings, host: str) -> None:
    good.SITE_ENVIRONMENT = "demo"
    good.PARTNER_WEBHOOKS = [f"ledger=http://{host}/in"]

    assert refused() == ""
    assert list(endpoints.configured()) == ["ledger"]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        base64.b64encode(b"x" * 32).decode(),
        "whsec_" + base64.b64encode(bytes(range(23))).decode(),
        "whsec_" + base64.b64encode(bytes(range(65))).decode(),
        "whsec_" + base64.b64encode(b"0" * 32).decode(),
        "whsec_" + "not base64 at all, and long enough",
    ],
    ids=["nothing", "empty", "bare", "short", "long", "dull", "words"],
)
def test_a_secret_that_is_none_is_refused_and_not_quoted(good: Settings, secret: str) -> None:
    good.PARTNER_WEBHOOK_SECRETS = [f"ledger:{secret}"]

    assert "Entry 1 of PARTNER_WEBHOOK_SECRETS" in refused()
    assert not secret or secret not in refused()
    assert endpoints.configured() == {}


@pytest.mark.parametrize("length", [24, 64])
def test_a_secret_is_as_long_as_standard_webhooks_say(good: Settings, length: int) -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(length))).decode()
    good.PARTNER_WEBHOOK_SECRETS = [f"ledger:{secret}"]

    assert refused() == ""


def test_an_endpoint_needs_a_secret_and_a_secret_an_endpoint(good: Settings) -> None:
    good.PARTNER_WEBHOOK_SECRETS = [f"crm:{a_secret()}"]

    assert "no secret for 'ledger'" in refused()
    assert "a secret for 'crm'" in refused()


def test_no_two_endpoints_share_a_secret(good: Settings) -> None:
    secret = a_secret()
    good.PARTNER_WEBHOOKS = [GOOD, "crm=https://crm.example.com/in"]
    good.PARTNER_WEBHOOK_SECRETS = [f"ledger:{secret}", f"crm:{secret}"]

    assert "one secret to two endpoints" in refused()


def test_names_are_unique(good: Settings) -> None:
    good.PARTNER_WEBHOOKS = [GOOD, "ledger=https://other.example.com/in"]

    assert "names 'ledger' twice" in refused()


def test_there_are_not_more_endpoints_than_workers_can_wait_for(good: Settings) -> None:
    names = [f"e{number}" for number in range(endpoints.MOST_ENDPOINTS + 1)]
    good.PARTNER_WEBHOOKS = [f"{name}=https://{name}.example.com/" for name in names]
    good.PARTNER_WEBHOOK_SECRETS = [f"{name}:{a_secret()}" for name in names]

    assert "more than" in refused()


def test_neither_addresses_nor_secrets_show_when_an_endpoint_is_printed(good: Settings) -> None:
    endpoint = endpoints.configured()["ledger"]

    assert repr(endpoint) == "Endpoint(name='ledger')"
