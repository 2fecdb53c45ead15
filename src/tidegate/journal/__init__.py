"""The durable, fenced, hash-chained sequence that everything else follows. Bytes only.

It knows entries, never what is in them. See docs/reference/journal.md.
"""
