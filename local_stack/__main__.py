"""`python -m local_stack VERB`: what the Makefile calls. A problem is one sentence and exit code 1, no traceback."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack import browser, compose, demo
from local_stack.environment import Addresses, fresh_secrets, production_environment, site_environment
from local_stack.postgres import program
from local_stack.problems import StackError
from local_stack.servers import ThrowAwayServers

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the verb says; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _do(options)
    except StackError as problem:
        print(problem, file=sys.stderr)
    except OSError as problem:
        print(f"{problem.filename or 'The machine'}: {problem.strerror or problem}.", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_stack")
    verbs = parser.add_subparsers(dest="verb", required=True)
    parser.add_argument(
        "--demo-folder", type=Path, default=demo.FOLDER, help="where the demo keeps everything"
    )
    verbs.add_parser("demo", help="run the whole site here until Ctrl-C")
    verbs.add_parser("demo-reset", help="forget the demo's data")
    verbs.add_parser("demo-code", help="the ops user's six digits, now")
    verbs.add_parser("demo-metrics", help="what the running demo's /metrics tells")
    verbs.add_parser("psql", help="a PostgreSQL prompt in the running demo")
    verbs.add_parser("browser", help="make sure that there is a browser for the tests")
    verbs.add_parser("compose-env", help="write .env for `docker compose --profile demo up`")
    run_as = verbs.add_parser("run-as", help="run a command with an environment made for it")
    run_as.add_argument("kind", choices=["test", "production", "demo"])
    run_as.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _do(options: argparse.Namespace) -> int:
    match options.verb:
        case "demo":
            demo.run(options.demo_folder, environment=os.environ)
        case "demo-reset":
            demo.reset(options.demo_folder)
        case "demo-code":
            print(demo.current_code(options.demo_folder))
        case "demo-metrics":
            print(demo.metrics(options.demo_folder), end="")
        case "psql":
            address = demo.running_environment(options.demo_folder)["DATABASE_URL"]
            os.execv(program("psql"), ["psql", address])  # noqa: S606 - a list, never a shell
        case "browser":
            browser.ensure_browser()
        case "compose-env":
            compose.write_environment()
        case "run-as":
            return _run_as(options)
    return 0


def _run_as(options: argparse.Namespace) -> int:
    """Run a command for the running demo, or with throw-away servers and random secrets; its exit code."""
    kind, command = options.kind, options.command
    if kind == "demo":
        return _call(command, demo.running_environment(options.demo_folder))
    with ThrowAwayServers(environment=os.environ) as servers:
        addresses = Addresses(
            site="https://partner.example.com" if kind == "production" else "http://127.0.0.1:8000",
            stripe="http://127.0.0.1:9",
            email="smtp://127.0.0.1:9",
            database=servers.database_url,
            redis=servers.redis_url,
            ledger=str(servers.folder / "deletion-ledger.jsonl"),
        )
        if kind == "production":
            return _call(command, production_environment(addresses))
        return _call(command, site_environment("test", addresses, fresh_secrets()))


def _call(command: list[str], environment: dict[str, str]) -> int:
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
