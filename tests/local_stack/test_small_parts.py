"""Ports, codes and environments: what the demo is put together from."""

import base64
import os
import shutil
import socket
from pathlib import Path

import pytest

from local_stack import demo
from local_stack.environment import as_lines, fresh_secrets, from_lines
from local_stack.folders import (
    LOCAL,
    LONGEST_SOCKET_NAME,
    LONGEST_SOCKET_PATH,
    private_folder,
    socket_folder,
    write_private,
)
from local_stack.ports import LOOPBACK, Ports, free_ports, is_free
from local_stack.problems import StackError
from local_stack.static_files import collected
from local_stack.totp import fresh_totp_secret, totp_code

RFC_6238_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    assert totp_code(RFC_6238_SECRET, at=at) == code


def test_every_secret_is_new_each_time() -> None:
    first, second = fresh_secrets(), fresh_secrets()

    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())
    assert fresh_totp_secret() != fresh_totp_secret()


def test_variables_survive_their_file() -> None:
    variables = fresh_secrets()

    assert from_lines(as_lines(variables)) == variables


def test_ports_come_from_their_variables() -> None:
    assert Ports.from_environment({"PORT": "9000", "SMTP_PORT": ""}) == Ports(site=9000)


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "80a", "٣"])
def test_what_is_no_port_is_one_sentence(text: str) -> None:
    with pytest.raises(StackError, match=r"^SIMULATOR_PORT is .*; a port is a number from 1 to 65535\.$"):
        Ports.from_environment({"SIMULATOR_PORT": text})


def test_one_port_for_two_is_one_sentence() -> None:
    with pytest.raises(StackError, match="each needs its own"):
        Ports.from_environment({"PORT": "8100"})


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports().by_name().values()

    assert len(set(ports)) == 4
    assert all(is_free(port) for port in ports)


def test_a_taken_port_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()

        assert not is_free(taken.getsockname()[1])


def test_sockets_of_a_deep_folder_get_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)

    short = socket_folder(deep)

    try:
        assert len(str(short)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH
        assert short.stat().st_mode & 0o777 == 0o700
        assert socket_folder(deep) == short
    finally:
        short.rmdir()


def test_a_short_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    short = socket_folder(deep)
    short.rmdir()
    short.symlink_to(tmp_path)

    try:
        with pytest.raises(StackError, match="belongs to somebody else"):
            socket_folder(deep)
    finally:
        short.unlink()


def test_private_things_are_private(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "folder")
    file = write_private(folder / "secret", "x")
    write_private(file, "y")

    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert file.read_text() == "y"


def test_static_files_are_collected_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    folders = {collected(calls.append, cache=tmp_path) for _ in range(3)}

    assert len(calls) == 1
    assert len(folders) == 1
    assert list(tmp_path.iterdir()) == list(folders)


def test_what_was_collected_does_not_count_as_a_source(tmp_path: Path) -> None:
    def collect(folder: Path) -> None:
        (folder / "site.css").touch()

    cache = LOCAL / "static" / tmp_path.name
    try:
        folders = {collected(collect, cache=cache) for _ in range(3)}
    finally:
        shutil.rmtree(cache)

    assert len(folders) == 1


def test_what_nobody_used_for_long_is_tidied_away(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    os.utime(old, (0, 0))

    kept = collected(lambda folder: None, cache=tmp_path)

    assert list(tmp_path.iterdir()) == [kept]


def test_an_interrupted_collection_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise StackError("no")

    with pytest.raises(StackError):
        collected(fail, cache=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_demos_accounts_can_be_told_apart_by_their_ends() -> None:
    """Pages show the last four characters of an account's id."""
    ends = {account["id"][-4:] for account in demo.STRIPE_ACCOUNTS}

    assert len(ends) == len(demo.STRIPE_ACCOUNTS)
