"""A scene's entries as a journal with views over it, for tests of what views tell.

Always: a story is asked twice, from views that followed everything and from none at all, where all
is read from the journal; both must say the same.
"""

from pathlib import Path
from typing import Any

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.testing.scene import ORDERS_HI, Scene
from tidegate.views.file import open_views
from tidegate.views.projection import Projection
from tidegate.views.shop_views import ShopViews

STREAM = "shop-1"


def journal_of(scene: Scene) -> MemoryJournal:
    """A journal that holds a claim and then the scene's entries."""
    journal = MemoryJournal(MemoryStore(STREAM))
    head = journal.claim("me")
    for payload in scene.entries:
        head = journal.append(head.seq, payload)
    return journal


def follow(path: Path, journal: MemoryJournal) -> None:
    """Let the views in `path` take in everything."""
    connection = open_views(path, STREAM)
    views = Projection(connection)
    views.take(journal.read(views.cursor.head.seq + 1, 1 << 30))
    connection.close()


def reader_of(journal: MemoryJournal) -> MemoryJournal:
    """Another reader of the same journal, which may be closed."""
    return MemoryJournal(journal._store)


def views_of(path: Path, journal: MemoryJournal) -> ShopViews:
    """The reading side; an order's id is the number that the scene gave it."""
    return ShopViews(path, lambda: reader_of(journal), lambda _, number: (ORDERS_HI, int(number)))


def story_of(scene: Scene, order: int, folder: Path) -> dict[str, Any]:
    """An order's story."""
    journal, path = journal_of(scene), folder / "views.db"
    from_journal = views_of(folder / "none.db", journal).story("web", str(order))
    follow(path, journal)
    story = views_of(path, journal).story("web", str(order))
    assert story is not None
    assert from_journal == {**story, "views_seq": 0}
    path.unlink()
    return story


def texts(story: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each event's name, reason and words."""
    return [
        (event["event"], event["reason"], event["text"]["en"], event["text"]["zh"])
        for event in story["events"]
    ]
