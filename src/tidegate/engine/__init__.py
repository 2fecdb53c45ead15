"""The engine: one deterministic state machine a shop, deciding orders in batches.

It reads no clock, no disk, no random number and no floating point; time and identity come in as
arguments. `decide_*` judges and `fold_*` repeats what was judged, both through the same effects.
"""
