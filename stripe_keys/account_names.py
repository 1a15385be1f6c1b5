"""How Stripe accounts are called in sentences: by their last four characters, as keys are."""

from collections.abc import Sequence


def short_account(stripe_account_id: str) -> str:
    """One account in a sentence."""
    return f"acct_…{stripe_account_id[-4:]}"


def listed_accounts(stripe_account_ids: Sequence[str], *, last: str = "and") -> str:
    """Several accounts in a sentence, the last one behind `last`; empty for none."""
    *others, final = [short_account(one) for one in stripe_account_ids] or [""]
    return f"{', '.join(others)} {last} {final}" if others else final
