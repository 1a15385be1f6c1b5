"""`python -m bench.validation`: how many keys are checked per second, how soon after a paste, and how fairly.

Its last line sums it up. `docs/benchmarks.md` says what each number means.
"""
