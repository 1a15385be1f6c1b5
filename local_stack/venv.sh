#!/bin/sh
# Makes .venv from the hashed pins: `sh local_stack/venv.sh demo` (enough to run it) or `… dev` (to test and change it).
# Does nothing when the pins that are installed are the pins that are written down.
set -eu

kind="$1"
pins="requirements/$kind.txt"
venv=.venv
umask 022 # as root, PostgreSQL runs as a user of its own and must be able to read its programs

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

is_ours() {
    [ "$(cat "$venv/.folder" 2>/dev/null)" = "$PWD" ] && "$venv/bin/python" -c '' 2>/dev/null
}

is_current() {
    is_ours || return 1
    cmp -s "$pins" "$venv/.$kind.txt" && return 0
    [ "$kind" = demo ] && cmp -s requirements/dev.txt "$venv/.dev.txt" # it holds all of the demo's
}

find_python() {
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    stop "Python 3.11 or newer is needed, and none was found. Install it (Debian: apt-get install python3 python3-venv)."
}

ensure_venv_module() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Python's venv module is missing; installing $package ..."
        DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2 \
            && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" </dev/null >&2 \
            || stop "Installing $package failed; install it yourself and try again."
    else
        stop "Python's venv module is missing: install $package (Debian: sudo apt-get install $package)."
    fi
}

is_current && exit 0

python="$(find_python)"
ensure_venv_module

mkdir -p .local 2>/dev/null && (: >.local/venv.lock) 2>/dev/null \
    || stop "$PWD/.local cannot be written: it belongs to somebody else, or the disk is full."
if command -v flock >/dev/null; then # somebody may be installing in another terminal
    exec 9>.local/venv.lock
    flock 9
    is_current && exit 0
fi

if ! is_ours; then # none yet, made by another Python that is gone, or made in a folder that was moved
    say "Making $venv with $("$python" --version) ..."
    rm -rf "$venv"
    "$python" -m venv "$venv" || stop "Making $venv with $python failed (see above)."
fi
say "Installing $(grep -c '^[A-Za-z0-9].*==' "$pins") packages from $pins (once; it takes a minute or two) ..."
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --require-hashes -r "$pins" </dev/null \
    || stop "Installing $pins failed (see above); the network or the package index may be away. Try again."
"$venv/bin/python" - "$kind" "$pins" "$PWD" <<'PYTHON'
import importlib.metadata, pathlib, re, subprocess, sys, sysconfig

kind, pins, project = sys.argv[1:]
# Lets a bare `pytest` find the project.
pathlib.Path(sysconfig.get_path("purelib"), "this-project.pth").write_text(project + "\n")
# What left the pins leaves the venv (a developer's venv holds all of the demo's, so only "dev" can tell).
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
pinned = {plain(name) for name in re.findall(r"^([\w.-]+)==", pathlib.Path(pins).read_text(), re.M)}
here = {plain(d.metadata["Name"]) for d in importlib.metadata.distributions()}
gone = sorted(here - pinned - {"pip", "setuptools", "wheel"})
if kind == "dev" and gone:
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", *gone], check=True)
PYTHON
printf '%s\n' "$PWD" >"$venv/.folder"
cp "$pins" "$venv/.$kind.txt"
