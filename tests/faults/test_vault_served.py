"""A served shop's vault: its daily job among the chores, and a shop that sells without its keys.

Always the parts that `serve` puts together, at a clock that the test moves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidegate import bootstrap
from tidegate.bootstrap.people import OpenPeople, open_served_people
from tidegate.bootstrap.served_vaults import open_served_vault, person_doors
from tidegate.bootstrap.upkeep import Chore, Upkeep
from tidegate.bootstrap.vaults import KeyBackupPolicy, ShopVault, set_key_backup_policy
from tidegate.engine.layout import Capacity
from tidegate.journal.archive import ArchivePolicy
from tidegate.people.vault.events import IdentitiesSwept, KeysBackedUp
from tidegate.people.vault.writing import NewValue
from tidegate.store_paths import StorePaths
from tidegate.testing.people_house import example_notice

NOON_MS = 1_793_073_600_000  # 2026-10-27 12:00 in Shanghai
DAY_MS = 86_400_000
PERSON, OPERATOR = 0x77, 0x0A


@dataclass
class HeldClock:
    """A clock that stands still until it is moved."""

    at_ms: int = NOON_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


class Served:
    """A store with one shop, as the desk's process has it."""

    def __init__(self, root: Path) -> None:
        self.clock = HeldClock()
        self.paths = StorePaths(root)
        self.access = bootstrap.open_access(self.paths, self.clock)
        self.shop_paths = self.paths.shop("tea")
        bootstrap.create_shop(self.shop_paths, "tea", "Asia/Shanghai")
        self.vault: ShopVault | None = None

    def open(self) -> None:
        self.shop = bootstrap.open_shop(self.paths, "tea", self.clock, Capacity.small())
        self.shop.days.believe(self.clock.now_ms)
        self.people: OpenPeople = open_served_people(self.shop, self.clock)
        self.upkeep = Upkeep(
            self.paths.root, [self.shop], self.access.authenticator, self.clock, ArchivePolicy(),
            3_600.0,
        )  # fmt: skip
        self.vault = open_served_vault(self.shop, self.people, self.clock, self.upkeep)

    def close(self) -> None:
        if self.vault is not None:
            self.vault.close()
        self.people.close()
        self.shop.identity.close()
        self.shop.journal.close()

    def remarks(self) -> list[str]:
        """What people are told."""
        return [said for teller in self.upkeep._tellers.get("tea", ()) if (said := teller())]

    def day_later(self) -> Chore:
        """A day passes, and the sweep and the daily job are done."""
        self.clock.at_ms += DAY_MS
        chores = {chore.name: chore for chore in self.upkeep.chores}
        for name in ("tea: sweep", "tea: persons"):
            chores[name].take(self.clock.monotonic_s())
            assert chores[name].error == ""
        return chores["tea: persons"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path / "store")
    yield found
    found.close()
    found.access.store.close()


def test_the_daily_job_ends_purposes_backs_keys_up_and_tells_what_is_due(
    served: Served, tmp_path: Path
) -> None:
    set_key_backup_policy(served.shop_paths.vault, KeyBackupPolicy(str(tmp_path / "keys"), 5))
    served.open()
    vault = served.vault
    assert vault is not None
    people = served.people.people
    people.notices.publish(people.stream, example_notice(), OPERATOR, served.clock.at_ms)
    people.notices.serve(people.stream, PERSON, "main", "zh-CN", "plain", "s", served.clock.at_ms)
    values = [NewValue("phone", "13812345678", ("order.fulfil",))]
    vault.vault.writing.store(OPERATOR, PERSON, values)
    for _ in range(8):
        assert served.remarks() == []
        served.day_later()
    made = sorted((tmp_path / "keys").glob("vault-keys-*.db"))
    assert len(made) == 6  # of eight days those that are not past their fifth
    events = [recorded.event for recorded in vault.vault.parts.stream.after(0)]
    assert len([event for event in events if isinstance(event, KeysBackedUp)]) == 8
    assert [event for event in events if isinstance(event, IdentitiesSwept)] == []
    request = vault.rights.open(OPERATOR, PERSON, "explain")
    served.clock.at_ms += (request.due_day * DAY_MS) - served.clock.at_ms
    served.day_later()
    assert served.remarks() == ["requests of persons: 1 late, 0 due within 3 days"]
    served.clock.at_ms += 180 * DAY_MS
    served.day_later()
    assert [one.field for one in vault.vault.reading.held(PERSON)] == []


def test_identities_that_died_are_on_record_once(served: Served) -> None:
    served.open()
    assert served.vault is not None
    identity = served.shop.identity
    served.day_later()
    hashes = [identity.keyed_hash(0, f"guest-{number}") for number in range(3)]
    identity.tokens([(0, hashed) for hashed in hashes])
    identity.forget_hashes(hashes, 0)
    served.clock.at_ms += 401 * DAY_MS
    served.day_later()
    served.day_later()
    served.vault.close()
    served.vault = open_served_vault(served.shop, served.people, served.clock, served.upkeep)
    assert served.vault is not None
    events = [recorded.event for recorded in served.vault.vault.parts.stream.after(0)]
    assert [event.deleted for event in events if isinstance(event, IdentitiesSwept)] == [3]


def test_a_shop_without_its_vault_s_keys_sells_and_says_so(served: Served) -> None:
    served.open()
    served.close()
    (served.shop_paths.vault / "vault-keys.db").unlink()
    served.open()
    assert served.vault is None
    assert person_doors(served.vault) is None
    (said,) = served.remarks()
    assert said.startswith("the vault stays closed: ")
    assert "vault-keys.db is missing" in said
    assert not (served.shop_paths.vault / "vault-keys.db").exists()
