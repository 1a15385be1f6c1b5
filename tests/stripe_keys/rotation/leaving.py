"""A key service that goes away: real wrapping, by a key of its own, until its answers are used up."""

import os
from typing import ClassVar

from stripe_keys.vault.envelopes import lock, unlock
from stripe_keys.vault.errors import KeyServiceAway
from stripe_keys.vault.key_services import KeyContext, Wrapped

KEK_ID = "aws-kms/leaving"


class LeavingKeys:
    """Answers as often as `answers` says, then is away."""

    answers: ClassVar[int] = 0
    key: ClassVar[bytes] = os.urandom(32)

    def _answer(self) -> None:
        if LeavingKeys.answers <= 0:
            raise KeyServiceAway("The key service did not answer.")
        LeavingKeys.answers -= 1

    def primary_kek_id(self) -> str:
        """Known without asking."""
        return KEK_ID

    def kek_ids(self) -> list[str]:
        """The one."""
        return [KEK_ID]

    def wrap(self, context: KeyContext, data_key: bytes) -> Wrapped:
        """Wrapped, as long as it answers."""
        self._answer()
        return Wrapped(KEK_ID, lock(self.key, 0, data_key, context.associated_data()))

    def unwrap(self, kek_id: str, context: KeyContext, blob: bytes) -> bytes:
        """Unwrapped, as long as it answers."""
        self._answer()
        return unlock(self.key, blob, context.associated_data())

    def health(self) -> None:
        """As long as it answers."""
        self._answer()
