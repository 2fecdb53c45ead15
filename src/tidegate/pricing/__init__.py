"""Promotions, and the one price that quotes, the price guard and the desk agree on.

Everything here is a function of its arguments: whole fen, whole basis points, times in UTC
milliseconds. Nothing here reads a clock, a file or a zone, or uses a floating-point number.
The semantics stand in docs/reference/pricing.md.
"""
