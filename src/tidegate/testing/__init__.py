"""Things that tests, benches and the demo share: made-up workloads, fakes and auditors.

Nothing in the product imports this package.
"""
