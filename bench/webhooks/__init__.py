"""`python -m bench.webhooks`: how many events a second are taken in, beside a bare view, dj-stripe and PostgreSQL.

Its last line sums it up. `docs/benchmarks.md` says what each number means.
"""
