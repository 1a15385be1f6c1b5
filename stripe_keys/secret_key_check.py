"""The command with which merchants see for themselves whether an old secret key is dead: its text, piece by piece.

It runs on the merchant's machine alone. The key is typed into it, so that it stands neither in the shell's history nor
in the list of processes, and nothing but one word comes out.
"""

import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ALIVE, DEAD, UNCLEAR = "alive", "dead", "unclear, try again"
_OPENING, _CLOSING = "sh -c '", "'"
_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9.:\[\]_/-]+", re.ASCII
)  # nothing that means anything to a shell in quotes


@dataclass(frozen=True)
class Piece:
    """A part of the command, and what it is for."""

    text: str
    why: str


def pieces() -> tuple[Piece, ...]:
    """The command from its first part to its last. Nothing in it may hold a single quote.

    Raises:
        ImproperlyConfigured: STRIPE_API_BASE is no plain address, and would be run by the shells of merchants.
    """
    address = f"{settings.STRIPE_API_BASE}/v1/balance"
    if not _ADDRESS.fullmatch(address):
        raise ImproperlyConfigured("STRIPE_API_BASE is no plain web address.")
    return (
        Piece(
            "set +ax; unset a k;",
            "Begins with a clean slate: your shell’s settings trace nothing and hand nothing on.",
        ),
        Piece(
            'trap "stty echo" EXIT; trap exit INT TERM; stty -echo;',
            "Hides what you paste, until the command ends in whatever way.",
        ),
        Piece(
            'echo "Paste the old key, then press Enter." >&2; read -r k;',
            "Reads the key from your keyboard. It is no part of the command, so it is in no history.",
        ),
        Piece(
            'case "$k" in *[!A-Za-z0-9_]*) ;; sk_*) '
            'a=$(echo "header = \\"Authorization: Bearer $k\\"" | '
            f'curl -q -s -m 30 -K - -w "%{{http_code}}" "{address}" 2>/dev/null) ;; esac;',
            "Asks Stripe for the balance, which changes nothing and is not shown. curl gets the key through a pipe "
            "(-K -), so no list of processes has it; -q leaves your own settings of curl aside, which might write it "
            "down.",
        ),
        Piece(
            f'case "$a" in *"IP address"*401|*200|*403) echo {ALIVE} ;; *401) echo {DEAD} ;; '
            f'*) echo "{UNCLEAR}" ;; esac',
            "Prints one word: dead when Stripe refuses the key (401), alive when it knows it, and unclear for all "
            "else, such as no network or a text that is no secret key.",
        ),
    )


def command() -> str:
    """The whole command, one line for sh, bash, zsh and fish."""
    return f"{_OPENING}{' '.join(piece.text for piece in pieces())}{_CLOSING}"
