"""Homes of journals for the contract suite and for tests that run on each of them.

A later home adds a class and a line in HOMES. Always: a home says only how to open its journal, how
to lose an answer, and whether other processes can reach it. Never: it checks anything itself.
"""

import sqlite3
from pathlib import Path
from typing import Protocol, cast

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.protocol import Journal, JournalReader
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.journal.sqlite_file import SqliteReader

STREAM = "shop-1"


class Home(Protocol):
    """Where a journal lives. Several writers may be opened at once: they must fence each other."""

    name: str
    processes: bool  # whether another process can open it
    place: Path

    def __init__(self, place: Path) -> None: ...

    def writer(self) -> Journal:
        """Open it for writing; not claimed."""
        ...

    def reader(self) -> JournalReader:
        """Open it for reading."""
        ...

    def set_free_bytes(self, size: int) -> None:
        """Pretend that the disk has so much room."""
        ...

    def lose_next_answer(self, journal: Journal, stored: bool) -> None:
        """Make the outcome of the next append unknown, after or before it took effect."""
        ...

    def answer_again(self, journal: Journal) -> None:
        """End the fault."""
        ...


class MemoryHome:
    """The journal that simulations use."""

    name = "memory"
    processes = False

    def __init__(self, place: Path) -> None:
        self.place = place
        self.store = MemoryStore(STREAM)

    def writer(self) -> MemoryJournal:
        """Open it for writing; not claimed."""
        return MemoryJournal(self.store)

    def reader(self) -> JournalReader:
        """Open it for reading."""
        return MemoryJournal(self.store)

    def set_free_bytes(self, size: int) -> None:
        """Pretend that the disk has so much room."""
        self.store.free_bytes = size

    def lose_next_answer(self, journal: Journal, stored: bool) -> None:  # noqa: ARG002 - the store knows
        """Make the next outcome unknown."""
        self.store.next_fault = "unknown_stored" if stored else "unknown_lost"

    def answer_again(self, journal: Journal) -> None:  # noqa: ARG002 - the store knows
        """End the fault."""
        assert self.store.next_fault is None


class LosesAnswer:
    """A connection whose next statement is interrupted, before or after it took effect."""

    def __init__(self, connection: sqlite3.Connection, stored: bool) -> None:
        self.connection = connection
        self._stored = stored

    def execute(self, statement: str, values: tuple[object, ...]) -> None:
        """Take effect, or not, and be interrupted."""
        if self._stored:
            self.connection.execute(statement, values)
        error = sqlite3.OperationalError("interrupted")
        error.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
        raise error


class SqliteHome:
    """The embedded default. Its lock is off: the fence alone must hold."""

    name = "sqlite"
    processes = True

    def __init__(self, place: Path) -> None:
        self.place = place / "shop"
        self.free = 1 << 40

    def writer(self) -> SqliteJournal:
        """Open it for writing; not claimed."""
        settings = SqliteSettings(lock=False, free=lambda _: self.free)
        return SqliteJournal(self.place, STREAM, settings)

    def reader(self) -> JournalReader:
        """Open it for reading."""
        return SqliteReader(self.place, STREAM)

    def set_free_bytes(self, size: int) -> None:
        """Pretend that the disk has so much room."""
        self.free = size

    def lose_next_answer(self, journal: Journal, stored: bool) -> None:
        """Make the next outcome unknown."""
        assert isinstance(journal, SqliteJournal)
        journal._writer = cast("sqlite3.Connection", LosesAnswer(journal._writer, stored))  # noqa: SLF001 - a fault goes inside

    def answer_again(self, journal: Journal) -> None:
        """End the fault."""
        assert isinstance(journal, SqliteJournal)
        journal._writer = cast("LosesAnswer", journal._writer).connection  # noqa: SLF001 - a fault goes inside


HOMES: dict[str, type[Home]] = {home.name: home for home in (MemoryHome, SqliteHome)}
