"""The install page over plain HTTP: both kinds of link, every choice, and the signed way back."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
import stripe

from tests.simulator import MANIFEST, SimulatorProcess, secret_like

RETURN = "http://127.0.0.1:8000/stripe/return/"
PUBLISHED = "/apps/install/link/com.example.partner-site"
OAUTH = "/oauth/v2/authorize"
CHANNEL = "/oauth/v2/chnlink_1SimulatedPartnerApp/authorize"
CLIENT_ID = "ca_SimulatedPartnerApp"


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    return simulator.admin.create_account("Ada's shop")


def link(simulator: SimulatorProcess, path: str = PUBLISHED, **query: str) -> str:
    given = {
        "redirect_uri": RETURN,
        "state": "s-1",
        **({} if path == PUBLISHED else {"client_id": CLIENT_ID}),
        **query,
    }
    return f"{simulator.base_url}{path}?{urlencode({name: value for name, value in given.items() if value})}"


def press(address: str, account: str, **fields: str) -> requests.Response:
    form = {"account": account, "mode": "test", "after": "return", "decision": "install", **fields}
    return requests.post(address, data=form, allow_redirects=False, timeout=10)


def returned(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(RETURN)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def signed_text(told: dict[str, str]) -> str:
    order = [name for name in ("state", "user_id", "account_id") if name in told]
    return json.dumps({name: told[name] for name in order}, separators=(",", ":"))


@pytest.mark.parametrize("path", [PUBLISHED, OAUTH, CHANNEL])
def test_page_names_the_app_and_every_permission_with_its_purpose(
    path: str, simulator: SimulatorProcess
) -> None:
    page = requests.get(link(simulator, path), timeout=10)

    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    assert page.status_code == 200
    assert "Simulator: this is not Stripe" in page.text
    assert f"Install {manifest['name']}" in page.text
    for permission in manifest["permissions"]:
        assert f'data-permission="{permission["permission"]}"' in page.text
        assert permission["purpose"] in page.text


@pytest.mark.parametrize("path", [PUBLISHED, OAUTH, CHANNEL])
def test_install_returns_signed(path: str, simulator: SimulatorProcess, account: str) -> None:
    told = returned(press(link(simulator, path), account))

    stripe.WebhookSignature.verify_header(
        signed_text(told), told["install_signature"], simulator.signing_secret, 300
    )
    assert told["account_id"] == account
    assert told["user_id"].startswith("usr_")
    assert told["state"] == "s-1"
    assert told["livemode"] == "false"
    [install] = simulator.admin.installs()
    assert (install["account"], install["livemode"], install["user"]) == (account, False, told["user_id"])


def test_without_a_state_none_is_signed(simulator: SimulatorProcess, account: str) -> None:
    told = returned(press(link(simulator, state=""), account))

    assert "state" not in told
    stripe.WebhookSignature.verify_header(
        signed_text(told), told["install_signature"], simulator.signing_secret, 300
    )


def test_live_install_says_nothing_of_a_mode(simulator: SimulatorProcess, account: str) -> None:
    told = returned(press(link(simulator), account, mode="live"))

    assert "livemode" not in told
    assert simulator.admin.installs()[0]["livemode"] is True


def test_rolling_secret_signs_twice(simulator: SimulatorProcess, account: str) -> None:
    newer = secret_like("absec_")
    simulator.admin.post("/signing-secrets", secrets=[newer, simulator.signing_secret])

    told = returned(press(link(simulator), account))
    simulator.admin.post("/signing-secrets", secrets=[simulator.signing_secret])

    assert told["install_signature"].count("v1=") == 2
    for secret in (newer, simulator.signing_secret):
        stripe.WebhookSignature.verify_header(signed_text(told), told["install_signature"], secret, 300)


def test_denial_is_told_to_the_app(simulator: SimulatorProcess, account: str) -> None:
    told = returned(press(link(simulator), account, decision="deny"))

    assert told["error"] == "access_denied"
    assert told["error_description"]
    assert told["state"] == "s-1"
    assert "install_signature" not in told
    assert simulator.admin.installs() == []


def test_person_may_stay_on_the_settings_page(simulator: SimulatorProcess, account: str) -> None:
    answer = press(link(simulator), account, after="stay")

    assert answer.headers["Location"] == "/test/settings/apps/com.example.partner-site"


def test_without_a_redirect_uri_there_is_only_the_settings_page(
    simulator: SimulatorProcess, account: str
) -> None:
    address = link(simulator, redirect_uri="")

    assert "Return to the app" not in requests.get(address, timeout=10).text
    assert (
        press(address, account, mode="live").headers["Location"] == "/settings/apps/com.example.partner-site"
    )


def test_new_account_can_be_opened(simulator: SimulatorProcess) -> None:
    told = returned(press(link(simulator), "new", account_name="Zoë & Sons"))

    names = {entry["id"]: entry["name"] for entry in simulator.admin.items("/accounts")}
    assert names[told["account_id"]] == "Zoë & Sons"


@pytest.mark.parametrize(
    ("path", "query", "proposed"),
    [
        (PUBLISHED, {}, "live"),
        (PUBLISHED, {"livemode": "false"}, "test"),
        (OAUTH, {}, "live"),
        (CHANNEL, {}, "test"),
    ],
)
def test_mode_is_proposed_by_the_link(
    path: str, query: dict[str, str], proposed: str, simulator: SimulatorProcess
) -> None:
    page = requests.get(link(simulator, path, **query), timeout=10).text

    assert f'name="mode" value="{proposed}" checked' in page


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PUBLISHED, {"redirect_uri": "https://evil.example/"}),
        (PUBLISHED, {"redirect_uri": RETURN + "more"}),
        ("/apps/install/link/com.example.other", {}),
        (OAUTH, {"client_id": "ca_other"}),
        ("/oauth/v2/chnlink_other/authorize", {}),
    ],
)
@pytest.mark.parametrize("decision", ["install", "deny"])
def test_wrong_link_redirects_nowhere(
    path: str, query: dict[str, str], decision: str, simulator: SimulatorProcess, account: str
) -> None:
    address = link(simulator, path, **query)

    assert requests.get(address, timeout=10).status_code == 400
    answer = press(address, account, decision=decision)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert simulator.admin.installs() == []


@pytest.mark.parametrize("fields", [{"mode": "both"}, {"account": "acct_nobody"}])
def test_incomplete_form_installs_nothing(
    fields: dict[str, str], simulator: SimulatorProcess, account: str
) -> None:
    answer = press(link(simulator), **{"account": account, **fields})

    assert answer.status_code == 400
    assert simulator.admin.installs() == []


def test_another_site_cannot_install(simulator: SimulatorProcess, account: str) -> None:
    answer = requests.post(
        link(simulator),
        data={"account": account, "mode": "test", "decision": "install"},
        headers={"Sec-Fetch-Site": "cross-site"},
        timeout=10,
    )

    assert answer.status_code == 403
    assert simulator.admin.installs() == []
