"""What people announced: kept in watch.db, by code, until it is over.

Always with who said it and when. Never more than ANNOUNCED_MAX at a time, and nothing here changes
a price or an order.
"""

import secrets
from typing import Literal

import msgspec

from tidegate.watch.calendar import Window
from tidegate.watch.layout import CHANNEL, PROMOTION, SKU
from tidegate.watch.watch_file import WatchFile

ANNOUNCED_MAX = 200
KEPT_MS = 3_600_000  # after its end: a crowd leaves late
ID_SIGNS = "bcdfghjkmnpqrstvwxz"  # no digit: an id must not look like a telephone number
ID_LENGTH = 10
SCOPES = {"sku": SKU, "promotion": PROMOTION, "channel": CHANNEL}


class Announcement(msgspec.Struct, frozen=True):
    """A window by codes; an empty `subject` is every one of its scope."""

    scope: Literal["sku", "promotion", "channel"]
    subject: str
    from_ms: int
    until_ms: int
    rate: float = 1.0
    orders_per_h: float = 0.0
    price: float = 1.0
    units: float = 1.0
    plan_fen_per_h: float = 0.0
    note: str = ""

    def window(self, number: int) -> Window:
        """The same by number."""
        return Window(
            SCOPES[self.scope], number, self.from_ms, self.until_ms, self.rate, self.price,
            self.units, self.plan_fen_per_h, self.orders_per_h,
        )  # fmt: skip


class Kept(msgspec.Struct, frozen=True):
    """An announcement as it is kept: its id, and the token of who made it."""

    id: str
    entry: Announcement
    person: int


class AnnouncementRefused(ValueError):
    """It cannot be announced like that; the message says why."""


class AnnouncementStore:
    """The announcements of one shop. Any thread may call. Raises WatchUnavailable."""

    def __init__(self, file: WatchFile) -> None:
        self._file = file

    def put(self, entry: Announcement, person: int, now_ms: int, given_id: str = "") -> Kept:
        """Keep one; once under an id that was given. Raises AnnouncementRefused."""
        if not entry.from_ms < entry.until_ms:
            raise AnnouncementRefused("it ends before it begins")
        if entry.until_ms <= now_ms:
            raise AnnouncementRefused("it is over already")
        name = given_id or "".join(secrets.choice(ID_SIGNS) for _ in range(ID_LENGTH))
        with self._file.changing() as connection:
            connection.execute("DELETE FROM announced WHERE until_ms < ?", (now_ms - KEPT_MS,))
            held = connection.execute("SELECT count(*) FROM announced").fetchone()[0]
            if held >= ANNOUNCED_MAX:
                raise AnnouncementRefused(f"{ANNOUNCED_MAX} are announced: drop some")
            connection.execute(
                "INSERT OR REPLACE INTO announced VALUES (?, ?, ?, ?, ?, ?)",
                (name, msgspec.json.encode(entry), entry.from_ms, entry.until_ms,
                 person.to_bytes(8, "big"), now_ms),
            )  # fmt: skip
        return Kept(name, entry, person)

    def drop(self, name: str) -> bool:
        """Take one back; whether there was one."""
        with self._file.changing() as connection:
            found = connection.execute("DELETE FROM announced WHERE id = ?", (name,))
            return bool(found.rowcount)

    def current(self, now_ms: int) -> list[Kept]:
        """Those that are not over, soonest first."""
        rows = self._file.rows(
            "SELECT id, entry, person FROM announced WHERE until_ms > ? ORDER BY from_ms, id",
            (now_ms - KEPT_MS,),
        )
        return [
            Kept(name, msgspec.json.decode(entry, type=Announcement), int.from_bytes(person, "big"))
            for name, entry, person in rows
        ]
