"""Run by `test_alpha_sdk.py` with Stripe's alpha library, in an environment that has nothing of the site's."""
