"""What the desk's process did beside orders, in a small file: <store>/upkeep.json.

Always: replaced as a whole. Never: anything is decided from it; when it is lost, identities are
swept once more, and that is all.
"""

import os
from pathlib import Path

import msgspec

from tidegate.bootstrap.archiving import Archived
from tidegate.bootstrap.retention import SweptState
from tidegate.followers.status import Status, read_status
from tidegate.store_paths import StorePaths

STATUS_FILE = "upkeep.json"
STATUS_BYTES_MAX = 8 << 20


class ShopUpkeepStatus(msgspec.Struct, frozen=True):
    """One shop: what left its journal, the snapshot that its journal confirms, the last sweep."""

    archived: Archived = Archived()
    snapshot_seq: int = 0
    swept: SweptState = SweptState()


class UpkeepStatus(msgspec.Struct, frozen=True):
    """All shops of a store. `faults`: what was tried, did not work and is tried again."""

    written_ms: int = 0  # 0: nothing was ever written here, or it cannot be read
    process_id: int = 0
    shops: dict[str, ShopUpkeepStatus] = {}
    faults: dict[str, str] = {}


class StoreStatus(msgspec.Struct, frozen=True):
    """Both processes of a store, as their files tell."""

    upkeep: UpkeepStatus
    followers: Status


def read_upkeep(store: Path) -> UpkeepStatus:
    """The newest status of a store; an empty one where there is none, or none that can be read."""
    try:
        with (store / STATUS_FILE).open("rb") as file:
            return msgspec.json.decode(file.read(STATUS_BYTES_MAX), type=UpkeepStatus)
    except (OSError, msgspec.MsgspecError):
        return UpkeepStatus()


def write_upkeep(store: Path, status: UpkeepStatus) -> None:
    """Replace the status of a store. Raises OSError."""
    path = store / STATUS_FILE
    partial = path.with_name(f"{STATUS_FILE}.{os.getpid()}.partial")
    try:
        partial.write_bytes(msgspec.json.encode(status))
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def store_status(root: Path) -> StoreStatus | None:
    """What the files of a store on this machine tell; None where there is no store."""
    if not StorePaths(root).access.exists():
        return None
    return StoreStatus(read_upkeep(root), read_status(root))
