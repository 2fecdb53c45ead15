"""The nodes that a tree of events keeps: one for 256 leaves, and levels of 256 above it.

Always: any node above 256 leaves is a few hashes away, for an eighth of a byte a leaf. Never: a
leaf is stored once its block of 256 is full; it can be computed from the journal again.
"""

import sqlite3
from functools import lru_cache

from tidegate.journal.merkle import NODE, parents

WIDTH = 256
_WIDTH_BITS = 8
_TILE_BYTES = WIDTH * NODE
_TILES_CACHED = 64


class Tiles:
    """The open end of each level in memory, full tiles in the database.

    Level 0 holds leaves, level k nodes over 256^k leaves each. The caller commits.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._read_tile = lru_cache(_TILES_CACHED)(self._read_tile_once)
        self._open: list[bytearray] = []
        self._full: list[int] = []
        self.load()

    def load(self) -> None:
        """Go back to what is stored, after a transaction that was not committed."""
        self._read_tile.cache_clear()
        rows = self._connection.execute("SELECT level, full, nodes FROM open_end ORDER BY level")
        self._open, self._full = [bytearray()], [0]
        for level, full, nodes in rows:
            self._level(level)
            self._open[level], self._full[level] = bytearray(nodes), full

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._full[0] * WIDTH + len(self._open[0]) // NODE

    def add(self, leaves: bytes) -> None:
        """Append leaves and fold what is full."""
        self._open[0] += leaves
        level = 0
        while len(self._open[level]) >= _TILE_BYTES:
            self._level(level + 1)
            self._fold(level)
            level += 1

    def save(self) -> None:
        """Write the open ends; full tiles were written when they became full."""
        self._connection.executemany(
            "INSERT INTO open_end VALUES (?, ?, ?)"
            " ON CONFLICT (level) DO UPDATE SET full = excluded.full, nodes = excluded.nodes",
            [
                (level, full, bytes(nodes))
                for level, (full, nodes) in enumerate(zip(self._full, self._open, strict=True))
            ],
        )

    def open_leaves(self) -> bytes:
        """The leaves of the block that is not full."""
        return bytes(self._open[0])

    def node(self, level: int, number: int) -> bytes:
        """The node over the `number`-th full run of 256^level leaves; level 1 or higher."""
        tile, place = divmod(number, WIDTH)
        if tile < self._full[level]:
            nodes: bytes | bytearray = self._read_tile(level, tile)
        else:
            nodes = self._open[level]
        found = bytes(nodes[place * NODE : (place + 1) * NODE])
        assert len(found) == NODE, "only full runs of leaves have a stored node"
        return found

    def _level(self, level: int) -> None:
        while len(self._open) <= level:
            self._open.append(bytearray())
            self._full.append(0)

    def _fold(self, level: int) -> None:
        """Turn full tiles of `level` into nodes of the level above."""
        nodes = self._open[level]
        size = len(nodes) - len(nodes) % _TILE_BYTES
        full = bytes(nodes[:size])
        del nodes[:size]
        if level > 0:
            self._connection.executemany(
                "INSERT INTO tile VALUES (?, ?, ?)",
                [
                    (
                        level,
                        self._full[level] + start // _TILE_BYTES,
                        full[start : start + _TILE_BYTES],
                    )
                    for start in range(0, size, _TILE_BYTES)
                ],
            )
        self._full[level] += size // _TILE_BYTES
        for _ in range(_WIDTH_BITS):
            full = parents(full)
        self._open[level + 1] += full

    def _read_tile_once(self, level: int, number: int) -> bytes:
        row = self._connection.execute(
            "SELECT nodes FROM tile WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        return bytes(row[0])
