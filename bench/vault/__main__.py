"""`python -m bench.vault [--quick]`: servers of its own, both measurements, and one line at the end."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import django

from bench.vault.sizes import FULL, QUICK, Sizes
from local_stack.environment import Addresses, fresh_secrets, site_environment
from local_stack.folders import LOCAL
from local_stack.problems import StackError
from local_stack.servers import ThrowAwayServers

INTERRUPTED = 130
NOWHERE = "http://127.0.0.1:9"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code: 1 when something was lost, could not be read or could not be tried."""
    parser = argparse.ArgumentParser(prog="bench.vault")
    parser.add_argument("--quick", action="store_true", help="few rows and rounds: whether it works at all")
    sizes = QUICK if parser.parse_args(arguments).quick else FULL
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Durable: a rotation is worth its figures only where a commit reaches the disk.
        with ThrowAwayServers(environment={}, runs=LOCAL / "bench", durable=True) as servers:
            _set_environment(servers)
            return _measure(sizes, servers.folder)
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
    )
    for name, value in site_environment("bench", addresses, fresh_secrets()).items():
        os.environ.pop(f"{name}_FILE", None)  # it would win over the value
        os.environ[name] = value


def _measure(sizes: Sizes, folder: Path) -> int:
    django.setup()
    from bench.vault import report

    return report.run(sizes, folder)


if __name__ == "__main__":
    sys.exit(main())
