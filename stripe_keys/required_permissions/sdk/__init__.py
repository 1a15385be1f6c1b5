"""What each call of Stripe's SDK requests, read from the SDK's source; the SDK itself is never imported.

Only `manage.py write_api_paths` and the tests that compare its lists with the SDK come here.
"""
