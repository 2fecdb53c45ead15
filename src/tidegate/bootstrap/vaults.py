"""A shop's vault with everything around it: gate, rights desk, duties, and the daily job.

Always opened after the identity table, so that who was to be forgotten is, before anything is
served. Never: a part of it is made anywhere else, so this is where a new place of personal data
gets its line.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegate.bootstrap.people import OpenPeople
from tidegate.bootstrap.people_places import (
    ConsentPlace,
    MessagePlace,
    code_sender,
    collectors_of,
    message_folders,
    restriction_teller,
)
from tidegate.people.duties.store import Duties
from tidegate.people.gate_port import ClosedGate, Gate
from tidegate.people.identity import IdentityTable
from tidegate.people.rights.desk import RightsDesk, RightsParts
from tidegate.people.rights.identity_check import CodeCheck, SeenByOperator
from tidegate.people.rights.places import Place, Places
from tidegate.people.rights.places_here import FilesPlace, IdentityPlace, TokensOnlyPlace
from tidegate.people.rights.store import RightsStore
from tidegate.people.vault.events import PersonShredded
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
    now_ms: Callable[[], int]
    today: Callable[[], int]
    signing_key: bytes
    people: OpenPeople | None = None
    gate: Gate | None = None  # the gate of `people` where none is named


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
        vault = open_vault(folder, root, gate_of(needs), settings)
    except BaseException:
        duties.close()
        requests.close()
        raise
    forget_again(needs.identity, vault.buried)
    duties.begin(vault)
    signing = Ed25519PrivateKey.from_private_bytes(needs.signing_key)
    parts = RightsParts(
        vault, needs.identity, requests, places_of(needs), {"operator": SeenByOperator()},
        sign=signing.sign,
    )  # fmt: skip
    if needs.people is not None:
        people = needs.people.people
        needs.people.addresses.read_from(vault.reading)
        codes = CodeCheck(requests, code_sender(needs.people.port), needs.now_ms, os.urandom)
        parts = replace(
            parts, checks={"operator": SeenByOperator(), "code": codes},
            collectors=collectors_of(people, needs.now_ms),
            tell_restriction=restriction_teller(people, needs.now_ms),
        )  # fmt: skip
    rights = RightsDesk(parts)
    return ShopVault(needs.name, folder, vault, rights, requests, duties, KeyBackups(vault.parts))


def gate_of(needs: VaultNeeds) -> Gate:
    """What the vault asks; where nobody decides, everything is refused."""
    if needs.gate is not None:
        return needs.gate
    return needs.people.people.gate if needs.people is not None else ClosedGate()


def places_of(needs: VaultNeeds) -> Places:
    """Every place of a shop where something of a person may lie. A new store gets its line here."""
    paths = needs.paths
    messages: list[Place] = []
    consents: list[Place] = []
    if needs.people is not None:
        messages.append(MessagePlace(needs.people.port.outbox))
        consents.append(ConsentPlace(needs.people.people, needs.now_ms))

    def outgoing() -> list[Path]:
        return message_folders(needs.people.port.outbox) if needs.people is not None else []

    def written() -> list[Path]:
        """Everything that the system writes: a new database is searched without a line here."""
        others = (paths.folder / "channels", paths.secrets)
        return sorted(
            path
            for path in paths.folder.rglob("*")
            if path.is_file() and not any(path.is_relative_to(one) for one in others)
        )

    return Places(
        [
            FilesPlace("files of channels", lambda: [paths.folder / "channels"]),
            FilesPlace("files of messages", outgoing),
            TokensOnlyPlace("databases, journal, archive", written),
            *messages,
            IdentityPlace(needs.identity),
        ],
        consents,
    )


def forget_again(identity: IdentityTable, buried: Sequence[PersonShredded]) -> None:
    """An identity table from a backup learns who is to die."""
    for event in buried:
        tokens = [int(token, 16) for token in event.identity_tokens]
        if tokens:
            identity.forget(tokens, event.limit_end_day)


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
