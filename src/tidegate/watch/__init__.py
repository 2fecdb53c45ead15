"""The watch 监视: signals from decided orders, detectors over them, a breaker, an evaluation.

It follows; it never decides an order. What it wants done it asks of the desk.
"""
