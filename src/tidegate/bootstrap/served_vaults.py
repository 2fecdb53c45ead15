"""A served shop's vault: opened with its gate, its daily job among the chores, shown to the doors.

Always: what is due is done on the upkeep's thread, in pieces, and again where it failed. Never: an
order waits for it.
"""

from collections.abc import Callable
from pathlib import Path

import structlog

from tidegate.bootstrap.people import OpenPeople
from tidegate.bootstrap.shops import OpenShop
from tidegate.bootstrap.upkeep import Chore, ShopUpkeep, Upkeep
from tidegate.bootstrap.vaults import (
    ShopVault,
    VaultNeeds,
    key_backup_policy,
    open_shop_vault,
)
from tidegate.desk.clock import Clock
from tidegate.http.person_doors import PersonDoors
from tidegate.people.vault.events import IdentitiesSwept
from tidegate.people.vault.root_key import RootKeyUnusable

log = structlog.get_logger("tidegate.vaults")

SYSTEM = 0  # the actor of the daily job
JOB_EVERY_S = 60.0


def open_served_vault(
    shop: OpenShop, people: OpenPeople, clock: Clock, upkeep: Upkeep
) -> ShopVault | None:
    """Open it, and add its job to the chores.

    None where its keys are missing or wrong: the shop sells without personal data, which stays
    closed, and says so. Raises whatever else `open_shop_vault` raises.
    """
    try:
        vault = open_shop_vault(
            VaultNeeds(
                shop.name, shop.paths, shop.identity, clock.now_ms, shop.days,
                shop.secrets.signing_key, people,
            )
        )  # fmt: skip
    except RootKeyUnusable as error:
        closed = f"the vault stays closed: {error}"
        log.warning("vault_closed", shop=shop.name, why=str(error))
        upkeep.tell(shop.name, lambda: closed)
        return None
    own = next(one for one in upkeep.shops if one.name == shop.name)
    job = DailyJob(vault, upkeep.breathe, own.retention.state.day)
    upkeep.also(Chore(f"{shop.name}: persons", JOB_EVERY_S, lambda: job.step(own)))
    upkeep.tell(shop.name, lambda: job.remark)
    return vault


def person_doors(vault: ShopVault | None) -> PersonDoors | None:
    """What the HTTP doors reach of it."""
    if vault is None:
        return None
    return PersonDoors(vault.vault, vault.rights, vault.requests, vault.duties)


class DailyJob:
    """Ends of purposes, index, backups of keys, certificates: once a day, in pieces."""

    def __init__(self, shop: ShopVault, breathe: Callable[[], None], swept_day: int = -1) -> None:
        """`swept_day`: the last sweep of identities that is on record already."""
        self._shop = shop
        self._breathe = breathe
        self._done_day = -1
        self._swept_day = swept_day
        self.remark = ""  # what people should know

    def step(self, upkeep: ShopUpkeep | None = None) -> None:
        """Do it if it was not done today. What it raises leaves the rest for the next time."""
        parts = self._shop.vault.parts
        today = parts.today()
        self._back_up()
        self.remark = self._overdue()
        if upkeep is not None:
            self.note_swept(upkeep.retention.state.day, upkeep.retention.state.deleted)
        if today == self._done_day:
            return
        while self._shop.vault.erasing.retain(SYSTEM).more:
            self._breathe()
        is_clear = self._shop.vault.erasing.clear()
        self._shop.backups.expire()
        self._shop.duties.prune()
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

    def _overdue(self) -> str:
        """What people should know: requests whose last day is near or over."""
        overdue = self._shop.rights.overdue()
        late = sum(1 for one in overdue if one.days_left < 0)
        if not overdue:
            return ""
        return f"requests of persons: {late} late, {len(overdue) - late} due within 3 days"
