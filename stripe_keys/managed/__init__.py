"""Keys that the app makes, renews and ends itself, on Stripe's key endpoint (Stripe: app-managed keys).

`arrangements` are people's commands; `minting` makes a key and `retiring` ends one, each step by step as a due row;
`schedule` asks for new keys in time, and `orphans` ends what was made and is known to nobody.
"""
