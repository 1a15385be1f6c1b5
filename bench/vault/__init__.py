"""`python -m bench.vault`: what the vault's envelope costs beside simpler ones, and whether a rotation loses anything.

Its last line sums it up. `docs/benchmarks.md` says what each number means.
"""
