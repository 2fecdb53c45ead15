"""The incident desk: what happened, exactly, as of a moment that does not move under its reader.

Everything is read from the journal; nothing here changes a shop.
"""
