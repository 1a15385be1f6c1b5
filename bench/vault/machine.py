"""What the numbers were measured on."""

import os
import platform
from pathlib import Path

from cryptography import __version__ as cryptography_version
from cryptography.hazmat.backends.openssl import backend


def described() -> str:
    """Versions, processor and load in one line."""
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            f"cryptography {cryptography_version}",
            backend.openssl_version_text(),
            f"{_processor()} with {os.cpu_count()} cores",
            f"load {os.getloadavg()[0]:.1f}",
        ]
    )


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    names = (
        [line for line in listing.read_text().splitlines() if line.startswith("model name")]
        if listing.exists()
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.machine()
