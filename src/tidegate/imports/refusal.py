"""Why a whole file, or one cell of it, cannot be taken in.

A refusal always says what was found, where, and what to do; it never carries a traceback to the
person who only wanted to import a file.
"""


class ImportRefused(Exception):
    """The whole file is refused; nothing of it reached the desk. The text names the way out."""


class CellRefused(Exception):
    """One cell cannot be read; `reason` is the reconciliation's name for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
