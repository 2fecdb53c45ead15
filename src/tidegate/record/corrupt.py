"""What reading a record may raise. Never anything else, whatever the bytes are."""


class EntryCorrupt(ValueError):
    """An entry whose bytes cannot be what this or an earlier release wrote."""


class ColumnCorrupt(EntryCorrupt):
    """A packed table that cannot be read."""


class EntryTooNew(ValueError):
    """An entry that a later release wrote: install that release to read it."""
