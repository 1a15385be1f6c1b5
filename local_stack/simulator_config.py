"""The local Stripe's configuration file, matching the secrets that the site was given."""

import json
from collections.abc import Mapping
from pathlib import Path

from local_stack.environment import MANIFEST, random_letters
from local_stack.folders import write_private


def write_simulator_config(
    path: Path,
    *,
    site_url: str,
    simulator_url: str,
    site_secrets: Mapping[str, str],
    changes: Mapping[str, object],
    webhooks_to: str | None = None,
) -> None:
    """Write it (mode 0600). The ids in an older file stay; addresses and secrets are written anew, then `changes`.

    Webhooks go to the site's address, unless the simulator reaches it by another: `webhooks_to`.
    """
    old = json.loads(path.read_text()) if path.exists() else {}
    secrets_by_name = dict(entry.split(":", 1) for entry in site_secrets["STRIPE_WEBHOOK_SECRETS"].split(","))
    config = {
        "state_file": str(path.with_name("simulator-state.json")),
        "public_url": simulator_url,
        "manifest": str(MANIFEST),
        "allowed_redirect_uris": [f"{site_url}/stripe/return/"],
        "app": {
            "client_id": "ca_" + random_letters(32),
            "channel_link": "chnlink_1" + random_letters(16),
            **old.get("app", {}),
            "object_id": site_secrets["STRIPE_APP_OBJECT_ID"],
        },
        "signing_secrets": site_secrets["STRIPE_APP_SIGNING_SECRETS"].split(","),
        "platform": {
            "account": old.get("platform", {}).get("account") or "acct_1" + random_letters(16),
            "keys": {mode: site_secrets[f"STRIPE_PLATFORM_KEY_{mode.upper()}"] for mode in ("live", "test")},
        },
        "webhook_endpoints": [
            _endpoint("ed_test_61Thin", webhooks_to or site_url, "thin", secrets_by_name["thin"]),
            _endpoint("we_1Snapshot", webhooks_to or site_url, "snapshot", secrets_by_name["snapshot"]),
        ],
        **changes,
    }
    write_private(path, json.dumps(config, indent=2) + "\n")


def _endpoint(identifier: str, site_url: str, payload: str, secret: str) -> dict[str, object]:
    return {
        "id": identifier,
        "url": f"{site_url}/webhooks/stripe/",
        "mode": "both",
        "payload": payload,
        "secrets": [secret],
        "events": ["*"],
    }
