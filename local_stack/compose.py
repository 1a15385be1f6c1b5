"""`make compose-env`: what `docker compose --profile demo up` needs, with random secrets."""

import secrets
from pathlib import Path

from local_stack.environment import app_id, as_lines, fresh_secrets
from local_stack.folders import LOCAL, PROJECT, private_folder, write_private
from local_stack.problems import StackError
from local_stack.simulator_config import write_simulator_config

SITE, STRIPE = "http://127.0.0.1:8000", "http://127.0.0.1:8100"


def write_environment(*, path: Path = PROJECT / ".env", folder: Path = LOCAL / "compose") -> None:
    """Write .env and the local Stripe's configuration; StackError where there is an .env already."""
    if path.exists():
        raise StackError(f"{path} exists already; move it away first, so that nothing of yours is lost.")
    site_secrets = fresh_secrets()
    # Browsers reach the local Stripe by the machine's address, the site by its name in compose's network.
    variables = {
        "SITE_ENVIRONMENT": "demo",
        "SITE_URL": SITE,
        "ALLOWED_HOSTS": "127.0.0.1,web",
        "EMAIL_URL": "smtp://mail:1025",
        "STRIPE_API_BASE": "http://simulator:8100",
        "STRIPE_INSTALL_BASE": STRIPE,
        "STRIPE_DASHBOARD_BASE": STRIPE,
        "STRIPE_APP_ID": app_id(),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        **site_secrets,
    }
    config = private_folder(folder) / "simulator.json"
    write_simulator_config(
        config,
        site_url=SITE,
        simulator_url=STRIPE,
        site_secrets=site_secrets,
        changes={"state_file": None, "manifest": "stripe_app/stripe-app.json"},
        webhooks_to="http://web:8000",
    )
    config.chmod(0o644)  # the container reads it as another user; nobody else gets into its folder
    write_private(path, as_lines(variables))
    print(f"Wrote {path} and {config}. Next: docker compose --profile demo up --build")
