"""Whether there is a store at a place, before anything of it is opened.

Always: a folder is a store when `tidegate init` made it one. Never: looking makes anything.
"""

from pathlib import Path

from tidegate.store_paths import StorePaths


class NoSuchStore(Exception):
    """There is no store there; the message says how to make one."""


def existing_store(root: Path) -> StorePaths:
    """A store that is there. Raises NoSuchStore."""
    paths = StorePaths(root)
    if not paths.access.is_file():
        raise NoSuchStore(f"there is no store at {root}: `tidegate init --store {root}` makes one")
    return paths


def new_store(root: Path) -> StorePaths:
    """Where a store is to be made."""
    return StorePaths(root)
