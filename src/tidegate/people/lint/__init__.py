"""The rule checker 规则体检: what a merchant's own rules say, against dated and cited policy packs.

Law stands in `people/packs/lint-*.yaml`, never in code. Nothing here decides what a person must
judge: it says so and asks.
"""
