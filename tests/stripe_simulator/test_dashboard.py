"""The Dashboard over plain HTTP: what a merchant without JavaScript sees and does."""

import re
from html import unescape

import pytest
import requests

from tests.simulator import SimulatorProcess, until

SETTINGS = "/test/settings/apps/com.example.partner-site"


class Merchant:
    """A browser without scripts, signed in as one account."""

    def __init__(self, simulator: SimulatorProcess, account: str) -> None:
        self.base_url = simulator.base_url
        self.browser = requests.Session()
        self.post("/sign-in", account=account, next="/test/apikeys")

    def get(self, path: str) -> requests.Response:
        return self.browser.get(self.base_url + path, timeout=10)

    def post(self, path: str, **fields: str) -> requests.Response:
        return self.browser.post(self.base_url + path, data=fields, timeout=10)


def text_of(page: requests.Response, element: str) -> str:
    found = re.search(rf'id="{element}"[^>]*>([^<]*)<', page.text)
    assert found is not None, f"no #{element} on {page.url}"
    return unescape(found[1])


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    account = simulator.admin.create_account("Ada's shop")
    simulator.admin.create_install(account)
    return account


@pytest.fixture
def merchant(simulator: SimulatorProcess, account: str) -> Merchant:
    return Merchant(simulator, account)


def shown_key(merchant: Merchant) -> tuple[str, str]:
    page = merchant.post(SETTINGS + "/keys")
    return text_of(page, "key-id"), text_of(page, "restricted-key")


@pytest.mark.parametrize("path", [SETTINGS, "/test/apikeys", "/test/apikeys/create", "/test/log", "/sign-in"])
def test_every_page_says_that_it_is_a_simulator(path: str, merchant: Merchant) -> None:
    page = merchant.get(path)

    assert page.status_code == 200
    assert "Simulator: this is not Stripe" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_stranger_is_sent_to_choose_an_account(simulator: SimulatorProcess) -> None:
    page = requests.get(simulator.base_url + SETTINGS, timeout=10)

    assert page.url.startswith(simulator.base_url + "/sign-in?next=")


def test_sign_in_leads_nowhere_else(simulator: SimulatorProcess, account: str) -> None:
    for address in ("//evil.example/", "https://evil.example/", "/\\evil.example", "/\tevil"):
        answer = requests.post(
            simulator.base_url + "/sign-in",
            data={"account": account, "next": address},
            allow_redirects=False,
            timeout=10,
        )
        assert answer.headers["Location"] == SETTINGS


def test_key_is_made_at_the_first_view(simulator: SimulatorProcess, merchant: Merchant, account: str) -> None:
    assert simulator.admin.keys(account) == []

    first, again = shown_key(merchant), shown_key(merchant)

    assert first == again
    assert first[1].startswith("rk_test_5")
    assert [key["id"] for key in simulator.admin.keys(account)] == [first[0]]
    assert text_of(merchant.get(SETTINGS + "?show=keys"), "publishable-key").startswith("pk_test_5")


def test_settings_page_hides_the_key_until_asked(merchant: Merchant) -> None:
    _, token = shown_key(merchant)

    assert token not in merchant.get(SETTINGS).text


def test_rotation_with_overlap_shows_the_new_key(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, token = shown_key(merchant)

    page = merchant.post(f"/test/apikeys/{key}/rotate", overlap="1h")

    assert "the old key stops working in 1 hour" in page.text
    assert text_of(page, "restricted-key") != token
    old = simulator.admin.key(key)
    assert old["authenticates"] is True
    assert old["expires_at"] is not None
    assert shown_key(merchant)[0] == old["replaced_by"]


def test_rotation_leaves_an_hour_unless_told_otherwise(merchant: Merchant) -> None:
    shown_key(merchant)

    page = merchant.get("/test/apikeys").text

    assert re.findall(r'<option value="(\w+)" selected>', page) == ["1h"]
    assert page.count("Old key ends ") == 5


def test_an_empty_list_leads_to_the_keys_of_the_other_mode(merchant: Merchant) -> None:
    nowhere = merchant.get("/apikeys").text
    shown_key(merchant)

    live = merchant.get("/apikeys").text

    assert "No keys in live mode" in nowhere
    assert "in test mode</a>" not in nowhere
    assert 'There is <a href="/test/apikeys">1 in test mode</a>' in live
    assert "</a>." not in merchant.get("/test/apikeys").text


def test_expire_ends_a_key(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, _ = shown_key(merchant)

    merchant.post(f"/test/apikeys/{key}/expire")

    assert simulator.admin.key(key)["authenticates"] is False


def test_reveal_shows_a_key_once(merchant: Merchant) -> None:
    key, token = shown_key(merchant)

    page = merchant.post(f"/test/apikeys/{key}/reveal")

    assert text_of(page, "restricted-key") == token
    assert token not in merchant.get("/test/apikeys").text


def test_edit_changes_permissions_and_addresses(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, _ = shown_key(merchant)

    merchant.post(
        f"/test/apikeys/{key}/edit",
        **{
            "name": "Books",
            "ip_allowlist": "203.0.113.7\n198.51.100.0/24",
            "level-charge": "read",
            "level-plan": "write",
        },
    )

    changed = simulator.admin.key(key)
    assert changed["name"] == "Books"
    assert changed["permissions"] == ["charge_read", "plan_write"]
    assert changed["ip_allowlist"] == ["203.0.113.7", "198.51.100.0/24"]


def test_edit_refuses_what_is_no_address(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, _ = shown_key(merchant)

    page = merchant.post(f"/test/apikeys/{key}/edit", name="Books", ip_allowlist="my office")

    assert page.status_code == 422
    assert "must be an IPv4 address" in page.text
    assert simulator.admin.key(key)["name"] != "Books"


def test_prefilled_link_fills_the_form(merchant: Merchant) -> None:
    page = merchant.get(
        "/test/apikeys/create?name=Ledger&permissions%5B%5D=rak_charge_read&permissions%5B0%5D=plan_write"
    )

    assert 'value="Ledger"' in page.text
    assert 'name="level-charge" value="read" checked' in page.text
    assert 'name="level-plan" value="write" checked' in page.text


def test_own_key_can_be_made(simulator: SimulatorProcess, merchant: Merchant, account: str) -> None:
    page = merchant.post("/test/apikeys/create", **{"name": "Mine", "level-charge": "read"})

    [key] = simulator.admin.keys(account)
    assert (key["name"], key["permissions"]) == ("Mine", ["charge_read"])
    assert simulator.admin.reveal_key(key["id"]) == text_of(page, "restricted-key")


@pytest.mark.parametrize(("choice", "alive"), [("expire", False), ("keep", True)])
def test_uninstall_expires_or_keeps_the_key(
    choice: str, alive: bool, simulator: SimulatorProcess, merchant: Merchant
) -> None:
    key, _ = shown_key(merchant)

    page = merchant.post(SETTINGS + "/uninstall", keys=choice)

    assert "Reinstall" in page.text
    assert simulator.admin.installs() == []
    assert simulator.admin.key(key)["authenticates"] is alive


def test_reinstalled_app_gets_a_new_key(merchant: Merchant) -> None:
    key, _ = shown_key(merchant)
    merchant.post(SETTINGS + "/uninstall", keys="expire")

    merchant.post(SETTINGS + "/install")

    assert shown_key(merchant)[0] != key


def test_eve_cannot_touch_adas_key(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, token = shown_key(merchant)
    eve = Merchant(simulator, simulator.admin.create_account("Eve's shop"))

    for action in ("reveal", "rotate", "expire", "edit"):
        page = eve.post(f"/test/apikeys/{key}/{action}")
        assert page.status_code == 404
        assert token not in page.text
    assert simulator.admin.key(key)["authenticates"] is True


def test_key_of_test_mode_has_no_live_address(merchant: Merchant) -> None:
    key, _ = shown_key(merchant)

    assert merchant.get(f"/apikeys/{key}/edit").status_code == 404


def test_account_details_show_the_accounts_id(merchant: Merchant, account: str) -> None:
    page = merchant.get("/settings/account")

    assert text_of(page, "account-id") == account


def test_edit_link_of_a_refusal_leads_to_the_key(simulator: SimulatorProcess, account: str) -> None:
    key = simulator.admin.create_key(account, permissions=["charge_read"])
    refusal = requests.get(simulator.base_url + "/v1/customers", auth=(key["token"], ""), timeout=10).json()
    [address] = re.findall(r"https?://\S+", refusal["error"]["message"])

    page = requests.Session().get(address, timeout=10)

    assert page.status_code == 200
    assert page.url.endswith(f"/test/apikeys/{key['id']}/edit")


def test_log_shows_events_and_calls_but_no_key(simulator: SimulatorProcess, merchant: Merchant) -> None:
    key, token = shown_key(merchant)
    requests.get(simulator.base_url + "/v1/charges", auth=(token, ""), timeout=10)

    page = until(lambda: merchant.get("/test/log")).text

    assert "v2.iam.api_key.created" in page
    assert f"<code>{key}</code>" in page
    assert token not in page


def test_names_are_shown_as_text(simulator: SimulatorProcess) -> None:
    merchant = Merchant(simulator, simulator.admin.create_account("<script>alert(1)</script>"))

    assert "<script>alert" not in merchant.get("/test/apikeys").text
