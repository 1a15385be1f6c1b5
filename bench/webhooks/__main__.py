"""`python -m bench.webhooks [--quick]`: servers of its own, every measurement, and one line at the end."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence

import django

from bench.webhooks.sizes import FULL, QUICK, Sizes
from local_stack.environment import Addresses, fresh_secrets, site_environment
from local_stack.folders import LOCAL
from local_stack.problems import StackError
from local_stack.servers import ThrowAwayServers

INTERRUPTED = 130
NOWHERE = "http://127.0.0.1:9"
# Budgets are kept and paid for, but never refuse: it is the machine that is measured.
NO_LIMITS = {"STRIPE_RATE_TEST": "1000000", "STRIPE_RATE_LIVE": "1000000"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code: 1 when a delivery was refused or lost."""
    parser = argparse.ArgumentParser(prog="bench.webhooks")
    parser.add_argument("--quick", action="store_true", help="little of everything: whether it works at all")
    parser.add_argument(
        "--drain", action="store_true", help="how fast workers process what lies there, alone"
    )
    wanted = parser.parse_args(arguments)
    sizes = QUICK if wanted.quick else FULL
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # it takes minutes, and may be cut off
    try:
        with ThrowAwayServers(environment={}, runs=LOCAL / "bench", durable=True, memory="256MB") as servers:
            _set_environment(servers)
            return _measure(sizes, servers, only_drain=wanted.drain)
    except StackError as problem:
        print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def _set_environment(servers: ThrowAwayServers) -> None:
    addresses = Addresses(
        site="http://127.0.0.1:8000",
        stripe=NOWHERE,
        email="smtp://127.0.0.1:9",
        database=servers.database_url,
        redis=servers.redis_url,
        ledger=str(servers.folder / "deletion-ledger.jsonl"),
    )
    for name, value in (site_environment("bench", addresses, fresh_secrets()) | NO_LIMITS).items():
        os.environ.pop(f"{name}_FILE", None)  # it would win over the value
        os.environ[name] = value


def _measure(sizes: Sizes, servers: ThrowAwayServers, *, only_drain: bool) -> int:
    django.setup()
    from bench.webhooks import report

    return report.run_drain(sizes, servers) if only_drain else report.run(sizes, servers)


if __name__ == "__main__":
    sys.exit(main())
