"""`manage.py required_permissions`: what code needs beside what the manifest asks for, with an exit status."""

import json
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from stripe_keys.management.commands.required_permissions import Command
from tests.people import a_secret_key

BILLING = """
from stripe_keys.clients import stripe_client

def pay(m):
    client = stripe_client(merchant=m, livemode=True, used_for="pay")
    client.v1.customers.create({})
    return client.v1.charges.list()
"""


@pytest.fixture
def code(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A folder of code, and an app that may read charges and write coupons."""
    asks_for(settings, tmp_path / "app.json", "connected_account_read", "charge_read", "coupon_write")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/billing.py").write_text(BILLING)
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path / "code"
    os.chdir(before)


def asks_for(settings: Settings, manifest: Path, *permissions: str) -> None:
    """The app's manifest asks for these permissions."""
    listed = [{"permission": one, "purpose": "Needed."} for one in permissions]
    manifest.write_text(json.dumps({"permissions": listed}))
    settings.STRIPE_APP_MANIFEST = str(manifest)


def run(*arguments: str) -> tuple[int, str]:
    """The command's exit status and what it printed."""
    said = StringIO()
    try:
        call_command("required_permissions", *arguments, stdout=said)
    except SystemExit as ended:
        return int(str(ended.code)), said.getvalue()
    return 0, said.getvalue()


def test_missing_and_unused_permissions_are_told(code: Path) -> None:
    status, said = run("code")

    assert status == 1
    assert said == (
        "Missing: the code needs it, the app's manifest does not ask for it.\n"
        "  customer_write (Customers: write)\n"
        "    code/billing.py:6  client.v1.customers.create  POST /v1/customers\n"
        "Needed and asked for, with the number of calls.\n"
        "  charge_read (Charges and refunds: read): 1\n"
        "Unused: the app's manifest asks for it, no call needs it.\n"
        "  coupon_write\n"
        "Read 1 file with 2 calls: 1 missing, 1 unused, 0 unresolved, 0 unknown.\n"
    )


def test_json_says_the_same(code: Path) -> None:
    status, said = run("code", "--json")

    report: dict[str, Any] = json.loads(said)
    assert status == 1
    assert report["missing"] == ["customer_write"]
    assert report["unused"] == [{"permission": "coupon_write", "enough": None}]
    assert report["needed"]["customer_write"] == [
        {
            "file": "code/billing.py",
            "line": 6,
            "call": "client.v1.customers.create",
            "method": "POST",
            "path": "/v1/customers",
        }
    ]
    assert (report["files"], report["calls"], report["faults"]) == (1, 2, [])


def test_nothing_missing_is_well_and_strict_wants_nothing_unused_either(
    code: Path, settings: Settings
) -> None:
    asks_for(settings, code / "app.json", "charge_read", "customer_write", "coupon_read")

    assert run("code")[0] == 0
    assert run("code", "--strict")[0] == 1


def test_strict_wants_nothing_unresolved(code: Path, settings: Settings) -> None:
    asks_for(settings, code / "app.json", "charge_read", "customer_write")
    assert run("code", "--strict")[0] == 0

    (code / "more.py").write_text("client.raw_request('get', path)")

    assert run("code")[0] == 0
    assert run("code", "--strict")[0] == 1
    assert "code/more.py:1  raw_request  the path is only known at run time" in run("code")[1]


def test_the_sites_own_use_is_no_waste(code: Path, settings: Settings) -> None:
    asks_for(settings, code / "app.json", "connected_account_read", "charge_read", "customer_write")

    assert run("code", "--strict")[0] == 0


def test_write_covers_read_and_a_lesser_permission_is_named(code: Path, settings: Settings) -> None:
    asks_for(settings, code / "app.json", "charge_write", "customer_write")

    status, said = run("code")

    assert status == 0
    assert "  charge_write: charge_read would be enough\n" in said
    assert "0 missing, 1 unused" in said


def test_read_does_not_cover_write(code: Path, settings: Settings) -> None:
    asks_for(settings, code / "app.json", "charge_read", "customer_read")

    assert run("code")[0] == 1


def test_a_call_whose_permission_is_not_known_fails_nothing(code: Path, settings: Settings) -> None:
    asks_for(settings, code / "app.json", "charge_read", "customer_write")
    (code / "more.py").write_text("import stripe\nstripe.climate.Order.list()")

    status, said = run("code", "--strict")

    assert status == 0
    assert (
        "Unknown: which permission the call needs is not known.\n    code/more.py:2  stripe.climate.Order.list"
        in said
    )


def test_what_cannot_be_read_is_named_and_the_rest_is_read(code: Path) -> None:
    (code / "broken.py").write_text("x = 1\ndef f(:\n")
    (code / "huge\x1b[31m.py").write_bytes(b"\xff")

    status, said = run("code", "nowhere")

    assert status == 2
    assert "code/broken.py, line 2, is not Python as version" in said
    assert "code/huge\\x1b[31m.py, line 1, is not UTF-8 text.\n" in said
    assert "nowhere does not exist.\n" in said
    assert "Read 1 file with 2 calls: 1 missing" in said
    assert [one["file"] for one in json.loads(run("code", "--json")[1])["faults"]] == [
        "code/broken.py",
        "code/huge\x1b[31m.py",
    ]


def test_an_annotation_too_deep_to_follow_is_named(code: Path) -> None:
    (code / "deep.py").write_text("def f(client: " + " | ".join(["A"] * 960) + "): ...")

    assert "code/deep.py is nested too deeply to be read.\n" in run("code")[1]


def test_code_is_never_quoted(code: Path) -> None:
    """Code that holds a key, which it should not, does not make it travel."""
    key = a_secret_key()
    (code / "leaky.py").write_text(
        f"import stripe\nstripe.api_key = '{key}'\nstripe.raw_request('get', '/v1/{key}')\nstripe.{key}.list()\n"
        f"stripe.Customer.list(api_key='{key}')\nstripe.raw_request('{key}', '/v1/payouts')\n"
    )
    (code / "broken.py").write_text(f"stripe.api_key = '{key}\n")

    for arguments in (["code"], ["code", "--json"]):
        assert key not in run(*arguments)[1]


def test_code_is_never_run(code: Path) -> None:
    (code / "eager.py").write_text("import pathlib\npathlib.Path('was_run').touch()\n")

    run("code")

    assert not Path("was_run").exists()


def test_a_manifest_that_cannot_be_read_is_bad_input(code: Path, settings: Settings) -> None:
    settings.STRIPE_APP_MANIFEST = str(code / "nowhere.json")

    with pytest.raises(CommandError, match=r"nowhere\.json is not a readable app manifest") as refused:
        run("code")
    assert refused.value.returncode == 2


def test_it_needs_no_database(code: Path) -> None:
    """This test has none: pytest-django refuses every query."""
    assert not Command.requires_system_checks
    assert run("code")[0] == 1


def test_code_is_compared_with_the_permissions_of_a_purpose(code: Path, settings: Settings) -> None:
    settings.STRIPE_APP_MANIFEST = code / "stripe-app.json"
    (code / "purposes").mkdir()
    listed = [{"permission": "dispute_read", "purpose": "Needed."}]
    (code / "purposes" / "disputes.json").write_text(json.dumps(listed))
    settings.KEY_PURPOSES = ["disputes"]
    (code / "disputes.py").write_text("import stripe\nstripe.Dispute.list()\n")

    assert run("code/disputes.py", "--purpose", "disputes")[0] == 0
    with pytest.raises(CommandError, match="'refunds' is not one of KEY_PURPOSES"):
        run("code/disputes.py", "--purpose", "refunds")
