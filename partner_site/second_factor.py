"""How the second factor's secrets are kept: encrypted by the vault, like every other secret of the site."""

from allauth.mfa.adapter import DefaultMFAAdapter

_PURPOSE = "second-factor"


class EncryptedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """allauth's adapter, with TOTP secrets and recovery seeds encrypted before they reach the database."""

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted for storage."""
        # The vault reads the settings that name this module, so it is imported only here.
        from stripe_keys.vault import encrypt_site_secret

        return encrypt_site_secret(_PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given."""
        from stripe_keys.vault import decrypt_site_secret

        return decrypt_site_secret(_PURPOSE, encrypted_text)
