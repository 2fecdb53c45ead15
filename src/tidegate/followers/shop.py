"""One shop's followers: snapshots, trees, views and stock, each opened when its turn comes.

Always: they read the journal and its archive as one, so a pruned start is no end. Never: anything
is opened before the shop has its secrets and its journal.
"""

from collections.abc import Callable
from typing import NamedTuple

from tidegate.access.secrets import ShopSecrets, load_secrets, missing_secrets
from tidegate.desk.recovery import from_snapshot
from tidegate.engine.layout import Capacity
from tidegate.followers.snapshots import DECISIONS, SnapshotFollower
from tidegate.followers.trees import TreeFollower, shop_signer
from tidegate.followers.turns import Pace, Turn
from tidegate.followers.views import StockFollower, ViewsFollower
from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.follow import JournalReader
from tidegate.journal.sqlite_file import SqliteReader, journal_path
from tidegate.store_paths import ShopPaths


class Settings(NamedTuple):
    """How followers follow. Paces weigh how new things are against what looking costs."""

    capacity: Capacity | None = None  # of the folded machine: the desk's
    snapshot_decisions: int = DECISIONS
    sign_every_s: float = 10.0
    views: Pace = Pace(0.1, 1.0)
    stock: Pace = Pace(0.5, 4.0)
    snapshots: Pace = Pace(0.25, 1.0)
    trees: Pace = Pace(0.5, 1.0)


class ShopFollowers:
    """The turns of one shop, and a reader for telling how far they are."""

    def __init__(
        self, name: str, paths: ShopPaths, settings: Settings, now_ms: Callable[[], int]
    ) -> None:
        self.name = name
        self._paths = paths
        self._settings = settings
        self._now_ms = now_ms
        self.reader = self.open_journal()
        self._snapshots = Turn(name, "snapshots", settings.snapshots, self._open_snapshots)
        self.turns = (
            Turn(name, "views", settings.views, self._open_views),
            self._snapshots,
            Turn(name, "stock", settings.stock, self._open_stock),
            Turn(name, "trees", settings.trees, self._open_trees),
        )

    def open_journal(self) -> JournalReader:
        """The journal and its archive, read as one."""
        reader = SqliteReader(self._paths.folder, self.name)
        return WholeJournal(reader, Archive(self._paths.archive, self.name))

    def close(self) -> None:
        """Let go of everything."""
        for turn in self.turns:
            turn.close()
        self.reader.close()

    def _secrets(self) -> ShopSecrets | None:
        """The shop's secrets; None while it is still being made."""
        if missing_secrets(self._paths.secrets) or not journal_path(self._paths.folder).exists():
            return None
        return load_secrets(self._paths.secrets)

    def _open_views(self) -> ViewsFollower | None:
        if self._secrets() is None:
            return None
        return ViewsFollower(self._paths.views, self.open_journal)

    def _open_snapshots(self) -> SnapshotFollower | None:
        secrets = self._secrets()
        if secrets is None:
            return None
        reader = self.open_journal()
        try:
            machine, head = from_snapshot(
                reader, self._paths.snapshots, secrets.table_seed, self._settings.capacity, []
            )
        except BaseException:
            reader.close()
            raise
        return SnapshotFollower(
            lambda: reader,
            self._paths.snapshots,
            machine,
            head,
            self._settings.snapshot_decisions,
        )

    def _open_stock(self) -> StockFollower | None:
        if self._folded() is None:
            return None
        return StockFollower(self._paths.views, self.name, self._folded)

    def _open_trees(self) -> TreeFollower | None:
        secrets = self._secrets()
        if secrets is None:
            return None
        return TreeFollower(
            self._paths.trees,
            self.open_journal,
            secrets.salt_key,
            shop_signer(self.name, secrets.signing_key),
            self._now_ms,
            self._settings.sign_every_s,
        )

    def _folded(self) -> SnapshotFollower | None:
        work = self._snapshots.work
        return work if isinstance(work, SnapshotFollower) else None
