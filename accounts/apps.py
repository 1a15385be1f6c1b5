"""The accounts app: registers the queue of notices."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, merchants, and what merchants are told by mail."""

    name = "accounts"

    def ready(self) -> None:
        """Make the queue of notices known to every worker."""
        from accounts.notices import QUEUE  # models are ready only now
        from work.engine import register

        register(QUEUE)
