"""How far each follower is, in a small file that the doors read: <store>/followers.json.

Always: replaced as a whole, so that a reader never sees half of it; it says when it was written, so
that a process that has died is noticed. Never: anything depends on it but what people are told.
"""

import os
from pathlib import Path

import msgspec

STATUS_FILE = "followers.json"
STATUS_BYTES_MAX = 8 << 20
STALE_MS = 5_000  # written twice a second: older than this, the process hangs or has died


class FollowerStatus(msgspec.Struct, frozen=True):
    """One follower of one shop: the last entry it took in, how far it is behind, and how it fares.

    `lag_ms` is the age of the first entry that it lacks, 0 when it lacks none.
    """

    seq: int
    lag_entries: int
    lag_ms: int
    failures: int = 0  # in a row
    error: str = ""


class Status(msgspec.Struct, frozen=True):
    """All followers of a store, by shop and name (snapshots, trees, views, stock)."""

    written_ms: int = 0  # 0: nothing was ever written here, or it cannot be read
    process_id: int = 0
    shops: dict[str, dict[str, FollowerStatus]] = {}

    def of(self, shop: str, name: str) -> FollowerStatus | None:
        """One follower; None while nothing is known of it."""
        return self.shops.get(shop, {}).get(name)

    def is_stale(self, now_ms: int) -> bool:
        """Whether nobody keeps this up any more."""
        return now_ms - self.written_ms > STALE_MS

    def faults(self) -> list[str]:
        """Every follower that fails, in a sentence each."""
        return [
            f"{shop}: {name} failed {found.failures} times in a row: {found.error}"
            for shop, followers in sorted(self.shops.items())
            for name, found in sorted(followers.items())
            if found.failures
        ]


def read_status(store: Path) -> Status:
    """The newest status of a store; an empty one where there is none, or none that can be read."""
    try:
        with (store / STATUS_FILE).open("rb") as file:
            return msgspec.json.decode(file.read(STATUS_BYTES_MAX), type=Status)
    except (OSError, msgspec.MsgspecError):
        return Status()


def write_status(store: Path, status: Status) -> None:
    """Replace the status of a store. Raises OSError."""
    path = store / STATUS_FILE
    partial = path.with_name(f"{STATUS_FILE}.{os.getpid()}.partial")
    try:
        partial.write_bytes(msgspec.json.encode(status))
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
