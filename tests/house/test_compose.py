"""docker-compose.yml and the Dockerfile against the code, since no engine runs here."""

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve

from local_stack.mail_catcher import Mailbox, make_app
from tests.house import ground
from tests.house.test_environment import example, read_by_gunicorn, read_by_settings

COMPOSE = ground.PROJECT / "docker-compose.yml"
DOCKERFILE = ground.PROJECT / "Dockerfile"
OURS = ("web", "worker", "migrate")
ASKED = re.compile(
    r"(?:http://127\.0\.0\.1:|\"127\.0\.0\.1\", )(\d+)(?:.*?\"GET\", \"|)(/[\w./]+)", re.DOTALL
)


def services() -> dict[str, Any]:
    """The services of the compose file, anchors resolved."""
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def command_of(name: str) -> list[str]:
    """What a service runs."""
    return [str(part) for part in services()[name]["command"]]


def option(name: str, flag: str) -> str:
    """The value that a service's command gives to a flag."""
    command = command_of(name)
    return command[command.index(flag) + 1]


def container_ports(name: str) -> set[int]:
    """The ports a service publishes, on its own side."""
    return {int(str(entry).rsplit(":", 1)[1]) for entry in services()[name].get("ports", [])}


def health_check(name: str) -> str:
    """What a service's health check runs, as one text."""
    return "\n".join(services()[name]["healthcheck"]["test"])


def instructions(word: str) -> list[str]:
    """The rest of each line of the Dockerfile that begins with this word."""
    return [
        line.split(" ", 1)[1] for line in DOCKERFILE.read_text().splitlines() if line.startswith(f"{word} ")
    ]


def test_it_keeps_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def test_the_four_services_and_the_two_of_the_demo_are_there() -> None:
    always = {name for name, service in services().items() if "profiles" not in service}
    demo = {name for name, service in services().items() if service.get("profiles") == ["demo"]}

    assert always == {"web", "worker", "migrate", "postgres", "redis"}
    assert demo == {"simulator", "mail"}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_given_to_the_site_is_one_it_reads(name: str) -> None:
    assert set(services()[name]["environment"]) <= {*read_by_settings(), *read_by_gunicorn()}


def test_every_variable_taken_from_env_is_in_the_example() -> None:
    taken = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text()))

    assert taken
    assert taken <= set(example())


@pytest.mark.parametrize("name", OURS)
def test_every_service_of_ours_reads_the_env_file(name: str) -> None:
    assert services()[name]["env_file"] == ".env"


def test_the_addresses_name_services_and_their_databases() -> None:
    environment = services()["web"]["environment"]
    database = services()["postgres"]["environment"]

    assert environment["DATABASE_URL"].startswith(f"postgres://{database['POSTGRES_USER']}:")
    assert environment["DATABASE_URL"].endswith(f"@postgres:5432/{database['POSTGRES_DB']}")
    assert environment["REDIS_URL"].endswith("@redis:6379/0")


def test_every_management_command_exists() -> None:
    called = re.findall(r"manage\.py[\"', ]+(\w+)", COMPOSE.read_text() + DOCKERFILE.read_text())

    assert {"migrate", "worker_health", "collectstatic"} <= set(called)
    assert set(called) <= set(get_commands())


def test_web_runs_gunicorn_on_files_that_exist() -> None:
    program, flag, config, application = command_of("web")

    assert (program, flag) == ("gunicorn", "-c")
    assert (ground.PROJECT / config).is_file()
    assert settings.WSGI_APPLICATION.startswith(application)
    assert str(command_of("web")).replace("'", '"') == instructions("CMD")[0]


def test_the_worker_runs_our_celery_application() -> None:
    import partner_site
    from partner_site.celery import app as celery_app

    assert command_of("worker")[:4] == ["celery", "-A", partner_site.__name__, "worker"]
    assert celery_app.conf.worker_pool == "threads"


def test_web_s_ports_are_one_port() -> None:
    bound = services()["web"]["environment"]["WEB_BIND"].rsplit(":", 1)[1]

    assert {int(bound)} == container_ports("web") == {int(port) for port in instructions("EXPOSE")}


@pytest.mark.parametrize("name", ["simulator", "mail"])
def test_the_demo_s_ports_are_one_port_each(name: str) -> None:
    assert {int(option(name, "--port"))} == container_ports(name)
    assert option(name, "--host") == "0.0.0.0"  # noqa: S104 - inside its container


@pytest.mark.parametrize("name", ["web", "simulator", "mail"])
def test_a_health_check_asks_the_port_that_is_published_and_a_path_that_exists(name: str) -> None:
    found = ASKED.search(health_check(name))
    assert found
    port, path = int(found[1]), found[2]

    assert port in container_ports(name)
    if name == "web":
        assert resolve(path).url_name == "healthz"
        assert any(re.search(exempt, path.lstrip("/")) for exempt in settings.SECURE_REDIRECT_EXEMPT)
    elif name == "mail":
        assert path in {resource.canonical for resource in make_app(Mailbox()).router.resources()}
    else:
        assert path == "/_simulator/health"


@pytest.mark.parametrize(("status", "verdict"), [(200, 0), (503, 1)])
def test_web_s_health_check_asks_by_the_site_s_name_and_believes_the_answer(
    status: int, verdict: int
) -> None:
    with answering(status) as (port, asked):
        script = services()["web"]["healthcheck"]["test"][3].replace("8000", str(port))
        ended = subprocess.run(
            [sys.executable, "-c", script],
            env={"SITE_URL": "https://partner.example.com"},
            capture_output=True,
            check=False,
        )

    assert ended.returncode == verdict
    assert asked == [("/healthz", "partner.example.com")]


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """A server that answers everything with this status: its port, and what it was asked for by which name."""
    asked: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1]), asked
        finally:
            server.shutdown()
            thread.join()


def test_everything_that_runs_on_is_healthy_or_started_again() -> None:
    lasting = {name: service for name, service in services().items() if name != "migrate"}

    assert {name for name, service in lasting.items() if service["restart"] != "unless-stopped"} == set()
    assert {name for name, service in lasting.items() if "healthcheck" not in service} == set()
    assert services()["migrate"]["restart"] == "no"


def test_who_is_waited_for_exists_and_can_say_so() -> None:
    for service in services().values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services()[name]
            else:
                assert (name, how["condition"]) == ("migrate", "service_completed_successfully")


def test_every_named_volume_is_declared() -> None:
    declared = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    named = {
        source
        for service in services().values()
        for volume in service.get("volumes", [])
        if not (source := volume.split(":")[0]).startswith(".")
    }

    assert named == declared


def test_redis_loses_nothing_quietly() -> None:
    command = " ".join(command_of("redis"))

    assert "appendonly yes" in command
    assert "maxmemory-policy noeviction" in command


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [str(port) for service in services().values() for port in service.get("ports", [])]

    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_target_is_a_stage_of_the_dockerfile_and_the_last_is_the_site() -> None:
    stages = [line.rsplit(" ", 1)[1] for line in instructions("FROM")]
    targets = {service["build"]["target"] for service in services().values() if "build" in service}

    assert targets <= set(stages)
    assert stages[-1] == "site"


def test_every_file_copied_into_the_image_exists_and_reaches_the_build() -> None:
    sources = [line.split()[0] for line in instructions("COPY") if not line.startswith("--from")]
    ignored = (ground.PROJECT / ".dockerignore").read_text().splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!")]

    assert "*" in ignored
    assert [source for source in sources if not (ground.PROJECT / source).exists()] == []
    assert [source for source in sources if not any(fnmatch(source, f"{way}*") for way in let_in)] == []
    assert [way for way in let_in if not (ground.PROJECT / way).exists()] == []


def test_every_app_of_ours_is_in_the_image() -> None:
    copied = {Path(line.split()[0]).parts[0] for line in instructions("COPY")}
    apps = {name.split(".")[0] for name in settings.INSTALLED_APPS}

    assert {app for app in apps if (ground.PROJECT / app).is_dir()} <= copied


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert instructions("USER") == ["site", "site"]


def test_the_image_installs_by_hash() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]

    assert installs
    assert all("--require-hashes" in line for line in installs)
