"""The price guard (价格闸): the lowest price that any buyer can reach, proven before it goes live.

Always on the safe side: what is not proven counts as below the floor. Nothing here reads a clock, a
file or a random number; time that is left is asked of whoever calls. docs/reference/guard.md says
what is proven and how.
"""
