"""Which permissions a piece of Python code needs at Stripe: read from its source, which is never run or imported."""
