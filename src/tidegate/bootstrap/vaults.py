"""A shop's vault with everything around it: gate, rights desk, duties, and the daily job.

Always opened after the identity table, so that who was to be forgotten is, before anything is
served. Never: a part of it is made anywhere else, so this is where a new place of personal data
gets its line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegate.people.duties.store import Duties
from tidegate.people.gate_port import Gate
from tidegate.people.identity import IdentityTable
from tidegate.people.rights.desk import RightsDesk, RightsParts
from tidegate.people.rights.identity_check import SeenByOperator
from tidegate.people.rights.places import Place, Places
from tidegate.people.rights.places_here import FilesPlace, IdentityPlace, TokensOnlyPlace
from tidegate.people.rights.store import RightsStore
from tidegate.people.vault.events import IdentitiesSwept, PersonShredded
from tidegate.people.vault.key_backups import KEEP_DAYS_MAX, KeyBackups, write_private
from tidegate.people.vault.register import Register, load_register
from tidegate.people.vault.root_key import open_root_key
from tidegate.people.vault.vault import (
    CELLS_FILE,
    INDEX_FILE,
    Vault,
    VaultSettings,
    open_vault,
    vault_is_new,
)
from tidegate.store_paths import ShopPaths

REGISTER_FILE = "register.json"
RIGHTS_FILE = "rights.db"
DUTIES_FILE = "duties.db"
BACKUPS_FILE = "key-backups.json"
COPIED = (CELLS_FILE, INDEX_FILE, RIGHTS_FILE, DUTIES_FILE)  # keys have backups of their own
SYSTEM = 0  # the actor of the daily job


class KeyBackupPolicy(msgspec.Struct, frozen=True):
    """Where the keys are backed up every day, and how long a backup lives."""

    folder: str
    days: int = KEEP_DAYS_MAX


@dataclass(frozen=True)
class ShopVault:
    """One shop's vault, opened."""

    name: str
    folder: Path
    vault: Vault
    rights: RightsDesk
    requests: RightsStore
    duties: Duties
    backups: KeyBackups

    def close(self) -> None:
        """Give every file back but the identity table, which is the shop's."""
        self.vault.close()
        self.requests.close()
        self.duties.close()


@dataclass(frozen=True)
class VaultNeeds:
    """What a vault takes from its shop."""

    name: str
    paths: ShopPaths
    identity: IdentityTable
    gate: Gate
    now_ms: Callable[[], int]
    today: Callable[[], int]
    signing_key: bytes
    more_places: Sequence[Place] = ()
    collectors: dict[str, Callable[[int], Any]] = field(default_factory=dict)


def register_of(paths: ShopPaths) -> Register:
    """The shop's own register where there is one, else the one that comes with this release."""
    own = paths.vault / REGISTER_FILE
    return load_register(own) if own.exists() else load_register()


def open_shop_vault(needs: VaultNeeds) -> ShopVault:
    """Open (or make) a shop's vault; whoever was destroyed stays so, wherever files came from.

    Raises RootKeyUnusable, RegisterWrong, StoreInUse, storage's errors.
    """
    folder = needs.paths.vault
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = open_root_key(needs.paths.vault_root, vault_is_new=vault_is_new(folder))
    duties = Duties(folder / DUTIES_FILE)
    requests = RightsStore(folder / RIGHTS_FILE)
    try:
        settings = VaultSettings(
            needs.name, register_of(needs.paths), needs.now_ms, needs.today,
            lambda purpose: duties.is_assessed(purpose, needs.today()), mirrors_of(folder),
        )  # fmt: skip
        vault = open_vault(folder, root, needs.gate, settings)
    except BaseException:
        duties.close()
        requests.close()
        raise
    forget_again(needs.identity, vault.buried)
    duties.begin(vault)
    signing = Ed25519PrivateKey.from_private_bytes(needs.signing_key)
    rights = RightsDesk(
        RightsParts(
            vault, needs.identity, requests, places_of(needs), {"operator": SeenByOperator()},
            needs.collectors, signing.sign,
        )
    )  # fmt: skip
    return ShopVault(needs.name, folder, vault, rights, requests, duties, KeyBackups(vault.parts))


def places_of(needs: VaultNeeds) -> Places:
    """Every place of a shop where something of a person may lie. A new store gets its line here."""
    paths = needs.paths
    databases = (
        "journal.db*", "identity.db*", "views.db*", "trees.db*", "channels.db*", "watch.db*",
        "publishing.db*", "fulfilment.db*", "people/*", "archive/*", "snapshots/*", "vault/*.db*",
    )  # fmt: skip

    def written() -> list[Path]:
        return sorted(path for pattern in databases for path in paths.folder.glob(pattern))

    return Places(
        [
            FilesPlace("files of channels", lambda: [paths.folder / "channels"]),
            TokensOnlyPlace("databases, journal, archive", written),
            *needs.more_places,
            IdentityPlace(needs.identity),
        ]
    )


def forget_again(identity: IdentityTable, buried: Sequence[PersonShredded]) -> None:
    """An identity table from a backup learns who is to die."""
    for event in buried:
        tokens = [int(token, 16) for token in event.identity_tokens]
        if tokens:
            identity.forget(tokens, event.limit_end_day)


# -- the daily job ---------------------------------------------------------------------------------


class DailyJob:
    """Ends of purposes, index, backups of keys, certificates: once a day, in pieces."""

    def __init__(self, shop: ShopVault, breathe: Callable[[], None]) -> None:
        self._shop = shop
        self._breathe = breathe
        self._done_day = -1
        self._swept_day = -1

    def step(self) -> None:
        """Do it if it was not done today. What it raises leaves the rest for the next time."""
        parts = self._shop.vault.parts
        today = parts.today()
        self._back_up()
        if today == self._done_day:
            return
        while self._shop.vault.erasing.retain(SYSTEM).more:
            self._breathe()
        is_clear = self._shop.vault.erasing.clear()
        self._shop.backups.expire()
        self._breathe()
        self._shop.rights.complete()
        for file in (parts.keys, parts.cells, parts.index):
            file.advance(parts.stream.head.seq)
        if is_clear:
            self._done_day = today

    def _back_up(self) -> None:
        policy = key_backup_policy(self._shop.folder)
        if policy is not None and self._shop.backups.is_due():
            self._shop.backups.make(SYSTEM, Path(policy.folder), policy.days)

    def note_swept(self, day: int, deleted: int) -> None:
        """Put on record that keyed hashes died because their period was over."""
        if day > self._swept_day and deleted:
            parts = self._shop.vault.parts
            parts.stream.append(IdentitiesSwept(parts.now_ms(), "", "", day, deleted))
        self._swept_day = max(day, self._swept_day)

    def remark(self) -> str:
        """What people should know: requests whose last day is near or over."""
        overdue = self._shop.rights.overdue()
        late = sum(1 for one in overdue if one.days_left < 0)
        if not overdue:
            return ""
        return f"requests of persons: {late} late, {len(overdue) - late} due within 3 days"


def key_backup_policy(folder: Path) -> KeyBackupPolicy | None:
    """Where keys are backed up, None where nobody said."""
    path = folder / BACKUPS_FILE
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=KeyBackupPolicy)


def set_key_backup_policy(folder: Path, policy: KeyBackupPolicy) -> None:
    """Back up the keys there, once a day. Raises ValueError for more than 30 days."""
    if not 1 <= policy.days <= KEEP_DAYS_MAX:
        raise ValueError(f"backups of keys live 1 to {KEEP_DAYS_MAX} days, not {policy.days}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / BACKUPS_FILE, msgspec.json.encode(policy))


def mirrors_of(folder: Path) -> tuple[Path, ...]:
    """Tombstones are written beside the backups of the keys as well, at once."""
    policy = key_backup_policy(folder)
    if policy is None:
        return ()
    there = Path(policy.folder)
    there.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (there / "tombstones.log",)
