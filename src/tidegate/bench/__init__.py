"""Benchmarks as part of the product: one command, figures with machine, commit and foreign CPU.

Every comparison is measured in one run on one machine; a missed target is printed as missed.
Nothing here is imported by the rest of the product.
"""
