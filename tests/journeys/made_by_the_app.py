"""Keys that the app makes in test mode, where every answer of Stripe's holds every key of the account in the clear."""

import subprocess

import psycopg
from django.utils import timezone

from local_stack.folders import PROJECT
from tests import quick_python
from tests.journeys.canary import Found
from tests.journeys.hunt import Hunt
from tests.waiting import eventually

PAGE = "/stripe/managed/test/"
_KEYS = "/v2/iam/api_keys"
_SWEPT = "SELECT bool_and(swept_at BETWEEN %s AND now()) FROM stripe_keys_keymanagement WHERE stripe_account_id = %s"
_REFUSED = "SELECT count(*) FROM stripe_keys_retirement WHERE outcome = 'refused' AND stripe_account_id = %s"


def make_renew_and_end(hunt: Hunt) -> None:
    """One is made though its answer is cut off, another takes over, the first is ended, and orphans are looked for."""
    hunt.stripe.create_install(hunt.account)
    hunt.stripe.add_fault("truncated", path=_KEYS, method="POST", moment="after")
    hunt.ada.post(f"{PAGE}on/", {})
    _wait_until_it_serves(hunt)
    hunt.ada.post(f"{PAGE}renew/", {})
    _wait_until_it_serves(hunt)
    eventually(lambda: _is_old_one_refused(hunt), timeout=40)
    assert _are_orphans_looked_for(hunt)
    made = [key for key in hunt.stripe.keys(hunt.account) if key["name"].startswith("partner-site ")]
    secret = [key for key in made if key["kind"] != "publishable"]
    assert len(secret) == 2
    for number, key in enumerate(secret):
        hunt.canaries.add(f"made by the app, {number}", hunt.stripe.reveal_key(key["id"]))


def _are_orphans_looked_for(hunt: Hunt) -> bool:
    """Whether her account, of all on this stage, was looked at; what is said is searched for canaries."""
    began_at = timezone.now()
    ran = subprocess.run(
        [str(quick_python.program()), "manage.py", "end_orphaned_keys"],
        cwd=PROJECT,
        env=hunt.stack.environment,
        capture_output=True,
        check=True,
    )
    hunt.saved.append(Found("log of the site", "end_orphaned_keys", ran.stdout + ran.stderr))
    with psycopg.connect(hunt.stack.servers.database_url) as connection:
        # Where Stripe did not answer it is a moment to come, at which it is asked again.
        return connection.execute(_SWEPT, [began_at, hunt.account]).fetchone() == (True,)


def _wait_until_it_serves(hunt: Hunt) -> None:
    hunt.wait_for(PAGE, 'id="renew"')


def _is_old_one_refused(hunt: Hunt) -> bool:
    with psycopg.connect(hunt.stack.servers.database_url) as connection:
        return connection.execute(_REFUSED, [hunt.account]).fetchone() == (1,)
