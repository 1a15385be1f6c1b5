"""`make demo`: the whole site on this machine, its data in .local/demo/, until Ctrl-C."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from local_stack.environment import as_lines, fresh_secrets, from_lines
from local_stack.folders import LOCAL, private_folder, write_private
from local_stack.ports import Ports
from local_stack.problems import StackError
from local_stack.processes import Stack
from local_stack.totp import PERIOD_SECONDS, fresh_totp_secret, totp_code

FOLDER = LOCAL / "demo"
SECRETS = "secrets.env"
RUNNING = "running.env"
LET_IN = "people-let-in"
MERCHANT_EMAIL, MERCHANT_NAME = "ada@example.com", "Ada's Lamps"
OPS_EMAIL = "olga@example.com"
STRIPE_ACCOUNTS = [  # the last one is proposed first
    {"id": "acct_1DemoOfEvesRope", "name": "Eve's Ropes", "email": "eve@example.com"},
    {"id": "acct_1DemoOfAdasLamp", "name": MERCHANT_NAME, "email": MERCHANT_EMAIL},
]
# In test mode newcomers see both ways: keys that are pasted, and keys that the app makes.
_OFFERED = {"MANAGED_KEYS": "test"}
_GIVEN_BY_THE_USER = (
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "REDIS_URL",
    "REDIS_URL_FILE",
    "PARTNER_WEBHOOKS",
    "PARTNER_WEBHOOK_SECRETS",
)


class Interrupted(BaseException):
    """Somebody wants the demo to end: Ctrl-C, SIGTERM or a closed terminal. Not an error, hence no Exception."""


def run(folder: Path = FOLDER, *, environment: Mapping[str, str]) -> None:
    """Start it, say where it is and who may sign in, and stay until told to end; StackError when it cannot run.

    `environment` may choose the ports (PORT, SIMULATOR_PORT, MAIL_PORT, SMTP_PORT) and give DATABASE_URL, REDIS_URL and
    PARTNER_WEBHOOKS with their secrets.
    """
    ports = Ports.from_environment(environment)
    with _only_one(folder):
        _end_by_exception()
        people, site_secrets = _kept_secrets(folder)
        stack = Stack(
            folder,
            ports=ports,
            environment=_OFFERED
            | {name: environment[name] for name in _GIVEN_BY_THE_USER if environment.get(name)},
            site_secrets=site_secrets,
            # Approved, so that the site is told when a rotated key dies; most apps are not.
            simulator={"accounts": STRIPE_ACCOUNTS, "api_key_write_approved": True},
            durable=True,
        )
        with contextlib.suppress(Interrupted):
            try:
                _serve(stack, people)
            finally:
                _ignore_signals()
                _say("Ending the demo ...")
                (folder / RUNNING).unlink(missing_ok=True)
                stack.stop()
    _say("The demo has ended. `make demo` starts it again with its data; `make demo-reset` forgets them.")


def reset(folder: Path = FOLDER) -> None:
    """Forget everything the demo knows: data, sign-ins, secrets and logs."""
    if folder.exists():
        with _only_one(folder):
            shutil.rmtree(folder)
    _say("The demo has forgotten everything; `make demo` begins anew.")


def current_code(folder: Path = FOLDER) -> str:
    """The six digits with which the ops user signs in now."""
    secret = _read(folder / SECRETS).get("DEMO_OPS_TOTP_SECRET")
    if secret is None:
        raise StackError("There is no demo yet; `make demo` makes it.")
    return totp_code(secret)


def metrics(folder: Path = FOLDER) -> str:
    """What the running demo's /metrics tells a collector, asked with the demo's own random token."""
    environment = running_environment(folder)
    header = {"Authorization": f"Bearer {environment['METRICS_TOKEN']}"}
    request = urllib.request.Request(f"{environment['SITE_URL']}/metrics", headers=header)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return str(answer.read().decode())
    except urllib.error.URLError as problem:
        raise StackError(f"The demo's /metrics did not answer: {problem.reason}.") from None


def running_environment(folder: Path = FOLDER) -> dict[str, str]:
    """The environment of the running demo's processes; StackError while it does not run."""
    if not (folder / RUNNING).exists():
        raise StackError("The demo does not run; start it in another terminal with `make demo`.")
    return _read(folder / RUNNING)


def _serve(stack: Stack, people: Mapping[str, str]) -> NoReturn:
    had_terminal = os.isatty(1)
    _say("Starting PostgreSQL, Redis, the local Stripe, the mail catcher, the site and its worker ...")
    stack.start()
    write_private(stack.folder / RUNNING, as_lines(stack.environment))
    _let_people_in(stack, people)
    _say(_welcome(stack, people))
    while os.isatty(1) or not had_terminal:  # a closed terminal need not tell us: `ssh -t host make demo`
        threading.Event().wait(1)
        stack.check()
    raise Interrupted


def _let_people_in(stack: Stack, people: Mapping[str, str]) -> None:
    done = stack.folder / LET_IN
    if done.exists() and stack.servers.postgres is not None:
        return  # a given database may be another one each time, ours is always the same
    owner = ("--email", MERCHANT_EMAIL, "--merchant-name", MERCHANT_NAME)
    stack.manage("open_merchant", *owner, "--password-env", "DEMO_MERCHANT_PASSWORD", environment=people)
    ops = ("--email", OPS_EMAIL, "--totp-secret-env", "DEMO_OPS_TOTP_SECRET")
    stack.manage("add_staff", *ops, "--password-env", "DEMO_OPS_PASSWORD", environment=people)
    done.touch()


def _welcome(stack: Stack, people: Mapping[str, str]) -> str:
    return f"""
The demo runs.

  The site            {stack.site_url}/
  The local Stripe    {stack.simulator_url}/
  Caught mail         {stack.mail_url}/

  Merchant            {MERCHANT_EMAIL}
    password          {people["DEMO_MERCHANT_PASSWORD"]}

  Ops desk            {stack.site_url}/ops/
    e-mail            {OPS_EMAIL}
    password          {people["DEMO_OPS_PASSWORD"]}
    six-digit code    `make demo-code` in another terminal (a new one every {PERIOD_SECONDS} s)

  Metrics             {stack.site_url}/metrics (`make demo-metrics` reads them with the demo's token)

  Logs                {stack.logs}

Ctrl-C ends it; the data stay.
"""


def _kept_secrets(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(the demo people's secrets, the site's): random, made once, kept in a file only its owner can read."""
    people = {
        "DEMO_MERCHANT_PASSWORD": secrets.token_urlsafe(12),
        "DEMO_OPS_PASSWORD": secrets.token_urlsafe(12),
        "DEMO_OPS_TOTP_SECRET": fresh_totp_secret(),
    }
    kept = _read(folder / SECRETS)
    if not kept:
        (folder / LET_IN).unlink(missing_ok=True)
    every = {**people, **fresh_secrets(), "METRICS_TOKEN": secrets.token_urlsafe(32), **kept}
    if every != kept:
        write_private(folder / SECRETS, as_lines(every))
    return {name: every.pop(name) for name in people}, every


def _read(path: Path) -> dict[str, str]:
    return from_lines(path.read_text()) if path.exists() else {}


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the demo's lock; the kernel lets go of it when this process ends, however it ends."""
    private_folder(folder)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"The demo runs already (process {lock.read().strip()}); end it first with Ctrl-C there."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _end_by_exception() -> None:
    def end(number: int, frame: object) -> NoReturn:
        _ignore_signals()
        raise Interrupted

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    if (
        signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    ):  # `nohup make demo` wants to outlive its terminal
        signal.signal(signal.SIGHUP, end)


def _ignore_signals() -> None:
    """From here on the end is under way; more signals would only leave processes behind."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(text, flush=True)
