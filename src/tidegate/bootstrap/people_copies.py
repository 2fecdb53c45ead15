"""The people's stream and outbox in backups, and what a restore leaves behind for the next start.

Always: a restored stream carries a mark, so that consents in it open nothing before somebody
vouches for the withdrawals that it lacks. Never: a copy takes the place of what is there.
"""

from collections.abc import Callable

from tidegate.bootstrap.people import restored_mark
from tidegate.journal.backup import back_up_shop, copy_database, restore_shop
from tidegate.journal.sqlite_file import journal_path
from tidegate.journal.store import RESTORING_FILE
from tidegate.people.shop_people import STREAM
from tidegate.storage.sqlite_schema import sync_directory
from tidegate.store_paths import ShopPaths

Progress = Callable[[int, int], None]


def back_up_people(name: str, there: ShopPaths, copy: ShopPaths, progress: Progress) -> None:
    """Copy a shop's people's stream and outbox, beside a running server."""
    if not journal_path(there.people).exists():
        return
    copy.people.mkdir(mode=0o700, parents=True, exist_ok=True)
    back_up_shop(there.people, STREAM.format(shop=name), copy.people, progress)
    if there.messages.exists():
        copy_database(there.messages, copy.messages)


def restore_people(copy: ShopPaths, shop: ShopPaths, progress: Progress) -> None:
    """Bring them back, marked as a copy. Can be run again."""
    is_there = journal_path(shop.people).exists()
    if not copy.people.is_dir() or (is_there and not (shop.people / RESTORING_FILE).exists()):
        return
    restored_mark(shop).touch(mode=0o600)  # before the journal: a start in between must see it
    sync_directory(shop.folder)
    restore_shop(copy.people, shop.people, progress)
    if copy.messages.exists() and not shop.messages.exists():
        copy_database(copy.messages, shop.messages)
