"""Where everything of a store lies on disk. Names only; nothing is opened or made here."""

import re
from pathlib import Path
from typing import NamedTuple

SHOP_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class ShopPaths(NamedTuple):
    """The files of one shop. The journal's own file names belong to `journal`."""

    folder: Path

    @property
    def identity(self) -> Path:
        """Keyed hash to token."""
        return self.folder / "identity.db"

    @property
    def views(self) -> Path:
        """Projections; may be deleted, and are built again."""
        return self.folder / "views.db"

    @property
    def publishing(self) -> Path:
        """Drafts of promotions; what is in force stands in the journal."""
        return self.folder / "publishing.db"

    @property
    def watch(self) -> Path:
        """Alarms, the breaker's latch, announced windows."""
        return self.folder / "watch.db"

    @property
    def alerts(self) -> Path:
        """Whom of what was told, and what became of each message."""
        return self.folder / "alerts.db"

    @property
    def watch_key(self) -> Path:
        """The key by which the watch asks the desk."""
        return self.secrets / "watch.key"

    @property
    def trees(self) -> Path:
        """Per-event trees and signed heads."""
        return self.folder / "trees.db"

    @property
    def snapshots(self) -> Path:
        """Snapshots of the engine's state."""
        return self.folder / "snapshots"

    @property
    def archive(self) -> Path:
        """Segments of the journal that were archived."""
        return self.folder / "archive"

    @property
    def secrets(self) -> Path:
        """Five small files, backed up apart."""
        return self.folder / "secrets"

    @property
    def channels(self) -> Path:
        """What the shop's channels have heard, asked for and shown."""
        return self.folder / "channels.db"

    @property
    def people(self) -> Path:
        """The folder of the stream `people:<shop>`: its journal, its trees, what waits to go."""
        return self.folder / "people"

    @property
    def people_trees(self) -> Path:
        """Trees over single events of the people's stream."""
        return self.people / "trees.db"

    @property
    def vault(self) -> Path:
        """The folder of the stream `vault:<shop>`, of sealed values, their index and their keys."""
        return self.folder / "vault"

    @property
    def vault_root(self) -> Path:
        """The root key that the vault's keys are wrapped by."""
        return self.secrets / "vault-root.key"

    @property
    def messages(self) -> Path:
        """Messages to persons on their way: tokens and templates, never an address."""
        return self.people / "messages.db"

    @property
    def fulfilment(self) -> Path:
        """How presales, gifts, parcels, warehouses and returns stand."""
        return self.folder / "fulfilment.db"

    def channel_key(self, channel: str) -> Path:
        """The key of one channel's signatures."""
        return self.secrets / f"channel-{channel}.key"

    def channel_folder(self, channel: str) -> Path:
        """Exports in and sheets out of one channel."""
        return self.folder / "channels" / channel


class StorePaths(NamedTuple):
    """The files of a store."""

    root: Path

    @property
    def access(self) -> Path:
        """Operators and keys."""
        return self.root / "access.db"

    @property
    def packed_socket(self) -> Path:
        """The packed door's Unix socket."""
        return self.root / "packed.sock"

    @property
    def serving(self) -> Path:
        """Where the desk's process listens, for the processes beside it."""
        return self.root / "serving.json"

    def shop(self, name: str) -> ShopPaths:
        """One shop's files. Raises ValueError for a name that is not one."""
        if not SHOP_NAME.fullmatch(name):
            raise ValueError(
                f"a shop's name is 1 to 32 lower-case letters, digits and dashes, not {name!r}"
            )
        return ShopPaths(self.root / "shops" / name)

    def shops(self) -> list[str]:
        """The names of the shops there are, in order."""
        folder = self.root / "shops"
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if SHOP_NAME.fullmatch(p.name))
