"""Stripe's alpha library, the only one with a service for keys, works against the local Stripe as it is."""

import json
import os
import re
import subprocess

import pytest

from local_stack.folders import PROJECT
from local_stack.pinned import python_with
from tests.simulator import SimulatorProcess
from tests.stripe_simulator.alpha_sdk.conftest import SIMULATOR

FOLDER = "tests/stripe_simulator/alpha_sdk"
# As if nothing of this project's configuration were there.
PYTEST = (
    *("-m", "pytest", "-q", "-W", "error", "-c", os.devnull, "-o", "python_files=alpha_*.py"),
    *(
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "--rootdir",
        FOLDER,
        "--confcutdir",
        FOLDER,
        FOLDER,
    ),
)


@pytest.mark.processes
def test_every_method_model_and_event_of_the_alpha_library_works(simulator: SimulatorProcess) -> None:
    """In an environment of its own, made at the first run: the library of this one has no such service."""
    simulator.admin.switch(api_key_write_approved=True)
    told = json.dumps({"url": simulator.base_url, "keys": simulator.platform_keys})

    ended = subprocess.run(
        [python_with("alpha-sdk"), *PYTEST],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), SIMULATOR: told},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^20 passed", ended.stdout, re.MULTILINE), ended.stdout
