"""Delete a person, then look for them in every file that the system writes, and in a backup too.

Always a real store with a desk, orders, channels' files, logs, an export, backups of data and of
keys; time is moved past the limit period and past the keys' backups. Somebody else stays whole.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from tidegate import bootstrap
from tidegate.bootstrap.people import open_served_people
from tidegate.bootstrap.served_vaults import DailyJob
from tidegate.bootstrap.vault_copies import restore_keys
from tidegate.bootstrap.vaults import (
    KeyBackupPolicy,
    ShopVault,
    VaultNeeds,
    open_shop_vault,
    set_key_backup_policy,
)
from tidegate.engine.layout import Capacity
from tidegate.followers.process import Fleet
from tidegate.followers.shop import Settings
from tidegate.people.rights.places_here import spellings
from tidegate.people.rights.terms import date_text
from tidegate.people.vault.key_backups import KeyBackupRefused
from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.people.vault.root_key import RootKeyUnusable
from tidegate.people.vault.writing import NewValue
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import LINE, PAID
from tidegate.record.readable import readable_events
from tidegate.store_paths import StorePaths
from tidegate.testing.people_house import example_notice
from tidegate.testing.vault_house import ANNS, BOBS, ORDER

NOON_MS = 1_793_073_600_000  # 2026-10-27 12:00 in Shanghai
DAY_MS = 86_400_000
DAY = NOON_MS // DAY_MS
OPERATOR = 0x0A
ACCOUNT, PHONE, ADDRESS = 0, 1, 2
KINDS = ((ACCOUNT, "account"), (PHONE, "phone"), (ADDRESS, "address"))
TO_DELIVER = Asking(OPERATOR, "order.fulfil")
LIMIT_DAYS = 6  # a weekly limit: the period ends on Sunday, at the latest
ANNS_VALUES = {one.field: one.value for one in ANNS if one.field != "trade_name"}
BOBS_VALUES = {one.field: one.value for one in BOBS}


@dataclass
class HeldClock:
    """A clock that stands still until it is moved."""

    at_ms: int = NOON_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


@dataclass
class Store:
    """A store with one shop, opened and closed as a server does."""

    root: Path
    keys_folder: Path
    clock: HeldClock = field(default_factory=HeldClock)
    shop: Any = None
    people: Any = None
    vault: ShopVault | None = None

    def make(self) -> None:
        paths = StorePaths(self.root)
        bootstrap.open_access(paths, self.clock).store.close()
        bootstrap.create_shop(paths.shop("tea"), "tea", "Asia/Shanghai")
        policy = KeyBackupPolicy(str(self.keys_folder))
        set_key_backup_policy(paths.shop("tea").vault, policy)

    def open(self) -> ShopVault:
        paths = StorePaths(self.root)
        self.shop = bootstrap.open_shop(paths, "tea", self.clock, Capacity.small())
        self.shop.identity.set_period_end(self.shop.days() + LIMIT_DAYS)
        self.people = open_served_people(self.shop, self.clock)
        try:
            self.vault = open_shop_vault(
                VaultNeeds(
                    "tea", self.shop.paths, self.shop.identity, self.clock.now_ms, self.shop.days,
                    self.shop.secrets.signing_key, self.people,
                )
            )  # fmt: skip
        except BaseException:
            self.close()
            raise
        return self.vault

    def close(self) -> None:
        if self.vault is not None:
            self.vault.close()
            self.vault = None
        if self.people is not None:
            self.people.close()
            self.shop.identity.close()
            self.shop.journal.close()
            self.people = None

    def met(self, *persons: int) -> None:
        """The notice is in force and was shown to these."""
        people = self.people.people
        people.notices.publish(people.stream, example_notice(), OPERATOR, self.clock.at_ms)
        for person in persons:
            people.notices.serve(
                people.stream, person, "main", "zh-CN", "plain", "first", self.clock.at_ms
            )

    def followed(self) -> None:
        """Views, stock, trees and snapshots, as the followers' process writes them."""
        fleet = Fleet(
            self.root, Settings(capacity=Capacity.small(), snapshot_decisions=1), self.clock
        )
        fleet.look()
        for _ in range(3):
            for turn in fleet.turns():
                turn.take(self.clock.monotonic_s)
        fleet.close()

    def tokens(self, values: dict[str, str]) -> list[int]:
        identity = self.shop.identity
        return identity.tokens(
            [(kind, identity.keyed_hash(kind, values[name])) for kind, name in KINDS]
        )

    def sell(self, *buyers: list[int]) -> None:
        """An order of each buyer, decided by the desk and in its journal."""

        async def run() -> None:
            desk = self.shop.desk
            desk.start()
            for number, command in enumerate(
                (f.PutChannel("web"), f.PutSku("A", 1_000, 500), f.ReceiveStock("A", 50))
            ):
                assert (await desk.command(command, f"c{number}", 7)).reason == 0
            rows = np.zeros(len(buyers), LINE)
            for at, buyer in enumerate(buyers):
                rows["id_hi"][at], rows["id_lo"][at] = desk.order_key("web", f"T-{at}")
                rows["key0"][at], rows["key1"][at], rows["key2"][at] = buyer
            rows["placed_at_ms"], rows["quantity"] = self.clock.at_ms, 1
            rows["receivable_fen"], rows["flags"] = 1_000, PAID
            answer = await desk.place_rows(rows)
            assert answer.outcomes["reason"].tolist() == [0] * len(buyers)
            await desk.stop()

        asyncio.run(run())

    def days_later(self, days: int) -> None:
        """Time passes, and the daily job is done."""
        self.clock.at_ms += days * DAY_MS
        self.shop.days.believe(self.clock.now_ms)
        self.shop.identity.set_period_end(self.shop.days() + LIMIT_DAYS)
        assert self.shop.identity.sweep(lambda: None).wal_truncated
        assert self.vault is not None
        DailyJob(self.vault, lambda: None).step()

    def export(self, path: Path) -> None:
        """What `tidegate export` writes."""
        path.parent.mkdir()
        with bootstrap.reading_shop(self.root, "tea") as (journal, _), path.open("w") as out:
            for entry in bootstrap.batches_from(journal, 1):
                for event in readable_events(entry.payload):
                    out.write(json.dumps(event, ensure_ascii=False) + "\n")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "store", tmp_path / "keys elsewhere")
    found.make()
    yield found
    found.close()


def everywhere(folders: list[Path], patterns: list[bytes]) -> list[str]:
    """The files that hold any of these bytes; logs of databases included."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                found += [f"{path.name}: {one!r}" for one in patterns if one in content]
    return found


@dataclass
class Traces:
    """Everything by which Ann could be found in bytes."""

    ann: list[int]
    bob: list[int]
    plain: list[bytes]
    hashes: list[bytes]
    keys: list[bytes]
    entries: list[tuple[str, int]]

    @property
    def all(self) -> list[bytes]:
        return [*self.plain, *self.hashes, *self.keys]


def lived(store: Store, vault: ShopVault) -> Traces:
    """Ann and Bob buy, are told, are held, exported and read; one of Ann's values was corrected."""
    ann, bob = store.tokens(ANNS_VALUES), store.tokens(BOBS_VALUES)
    store.sell(ann, bob, bob)
    store.met(ann[0], bob[0])
    store.followed()
    written = {path.name for path in store.shop.paths.folder.iterdir()}
    assert {"views.db", "trees.db", "snapshots", "people", "vault"} <= written
    writing = vault.vault.writing
    for person, values in ((ann[0], ANNS_VALUES), (bob[0], BOBS_VALUES)):
        writing.store(OPERATOR, person, [NewValue(*one, ORDER) for one in values.items()])
    writing.store(OPERATOR, ann[0], [NewValue("name", "安湖", ORDER)])
    vault.vault.reading.read(TO_DELIVER, ann[0], ["phone"], whole=True)
    sheet = store.shop.paths.channel_folder("web") / "orders.csv"
    sheet.parent.mkdir(parents=True)
    lines = [f"T-{who['account']},{who['phone']},{who['address']}\n"
             for who in (ANNS_VALUES, BOBS_VALUES)]  # fmt: skip
    sheet.write_text("".join(lines), "utf-8")
    plain, too_short = spellings([*ANNS_VALUES.values(), "安湖"])
    assert too_short == 0
    identity, index = store.shop.identity, vault.vault.parts.index
    hashes = [identity.keyed_hash(kind, ANNS_VALUES[name]) for kind, name in KINDS]
    spelled = {"account": "ann-of-the-lake", "phone": "8613812345678"}
    entries = [(name, index.bits_of(name, text, 18)) for name, text in spelled.items()]
    return Traces(ann, bob, plain, hashes, wrapped_keys(vault, ann[0]), entries)


def deleted(vault: ShopVault, person: int, log: Path) -> Any:  # noqa: ANN401  the request
    """Ann asks for it, and what is logged meanwhile goes to a file."""
    with log.open("w") as out:
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(out))
        try:
            rights = vault.rights
            request = rights.open(OPERATOR, person, "delete", text="请删除我的全部信息，谢谢")
            rights.identify(OPERATOR, request.id, "operator", "document_seen")
            return rights.delete(OPERATOR, request.id)
        finally:
            structlog.reset_defaults()


def test_a_deleted_person_is_nowhere_and_the_others_are_whole(store: Store, tmp_path: Path) -> None:
    vault = store.open()
    traces = lived(store, vault)
    ann, bob, index = traces.ann, traces.bob, vault.vault.parts.index
    assert [index.candidates(*entry) for entry in traces.entries] == [[ann[0]], [ann[0]]]
    DailyJob(vault, lambda: None).step()  # backs the keys up
    first_copy = newest_keys(store)
    assert everywhere([store.root], traces.all) != []  # the search finds what is there

    request = deleted(vault, ann[0], tmp_path / "serve.log")
    certificate = request.document
    assert certificate["limit_period_end"] == date_text(DAY + LIMIT_DAYS)
    assert certificate["key_backups_end"] == date_text(DAY + 30)
    assert certificate["complete_after"] == date_text(DAY + 30)
    assert certificate["kept_by_law"] == []
    assert everywhere([store.root], [*traces.plain, *traces.keys]) == []  # at once, here
    assert everywhere([store.root], traces.hashes) != []  # to the period's end

    store.days_later(LIMIT_DAYS + 1)
    store.followed()
    store.export(tmp_path / "written" / "export.jsonl")
    shutil.copy(tmp_path / "serve.log", tmp_path / "written")
    bootstrap.back_up(store.root, tmp_path / "written" / "backup", lambda *_: None)
    assert everywhere([store.root, tmp_path / "written"], traces.all) == []
    assert [index.candidates(*entry) for entry in traces.entries] == [[], []]
    living = store.shop.identity.living
    assert (living(ann), living(bob)) == (0, 3)
    assert vault.rights.complete() == []  # a backup of the keys is still there
    store.days_later(30)
    assert vault.rights.get(request.id).document["confirmed"] == "2026-12-03T04:00:00Z"
    copies = sorted(store.keys_folder.glob("vault-keys-*.db"))
    assert (len(copies), first_copy in copies) == (2, False)  # both were made after she was gone
    assert everywhere([store.root, store.keys_folder], traces.all) == []
    assert_leads_nowhere(store, vault, traces)


def assert_leads_nowhere(store: Store, vault: ShopVault, traces: Traces) -> None:
    """The journal still has Ann's tokens, and they lead to nobody. Bob is whole."""
    read, recorded = vault.vault.reading.read, tokens_in_journal(store)
    for token in traces.ann:
        assert token in recorded
        with pytest.raises(VaultRefused, match="not_held"):
            read(TO_DELIVER, token, ["phone"])
    assert vault.vault.reading.find(TO_DELIVER, "phone", "13812345678") == 0
    assert read(TO_DELIVER, traces.bob[0], list(BOBS_VALUES), whole=True) == BOBS_VALUES
    assert store.tokens(BOBS_VALUES) == traces.bob
    # Who comes back is somebody new.
    assert set(store.tokens(ANNS_VALUES)) & set(traces.ann) == set()


def wrapped_keys(vault: ShopVault, person: int) -> list[bytes]:
    """The wrapped keys of a person as they lie in the file."""
    with vault.vault.parts.keys.reading() as connection:
        rows = connection.execute(
            "SELECT wrapped FROM slot WHERE person = ? AND is_live", (person.to_bytes(8),)
        ).fetchall()
    return [row[0][1:] for row in rows]


def tokens_in_journal(store: Store) -> set[int]:
    """Every token that the shop's journal names a buyer by."""
    found: set[int] = set()
    with bootstrap.reading_shop(store.root, "tea") as (journal, _):
        for entry in bootstrap.batches_from(journal, 1):
            for frame in en.read_frames(en.aligned(entry.payload)):
                if frame.kind == en.ORDERS:
                    rows, _ = en.read_orders(frame.body)
                    for kind, _ in KINDS:
                        found.update(rows[f"key{kind}"].tolist())
    return found


def newest_keys(store: Store) -> Path:
    return max(store.keys_folder.glob("vault-keys-*.db"))


@pytest.mark.parametrize("tombstones_are_kept", [True, False])
def test_a_backup_from_before_brings_nobody_back(
    store: Store, tmp_path: Path, *, tombstones_are_kept: bool
) -> None:
    vault = store.open()
    ann, bob = store.tokens(ANNS_VALUES), store.tokens(BOBS_VALUES)
    store.sell(ann, bob)
    store.met(ann[0], bob[0])
    for person, values in ((ann[0], ANNS_VALUES), (bob[0], BOBS_VALUES)):
        fresh = [NewValue(*one, ORDER) for one in values.items()]
        vault.vault.writing.store(OPERATOR, person, fresh)
    DailyJob(vault, lambda: None).step()
    bootstrap.back_up(store.root, tmp_path / "backup", lambda *_: None)
    shutil.copytree(store.shop.paths.secrets, tmp_path / "secrets" / "tea")
    keys_before = newest_keys(store)
    request = vault.rights.open(OPERATOR, ann[0], "delete")
    vault.rights.identify(OPERATOR, request.id, "operator", "document_seen")
    vault.rights.delete(OPERATOR, request.id)
    store.close()
    if not tombstones_are_kept:
        (store.keys_folder / "tombstones.log").unlink()

    again = Store(tmp_path / "again", store.keys_folder, store.clock)
    bootstrap.restore(tmp_path / "backup", again.root, tmp_path / "secrets", lambda *_: None)
    restore_keys(keys_before, StorePaths(again.root).shop("tea"), DAY)
    restored = again.open()
    try:
        read, find = restored.vault.reading.read, restored.vault.reading.find
        assert read(TO_DELIVER, bob[0], list(BOBS_VALUES), whole=True) == BOBS_VALUES
        if tombstones_are_kept:
            assert [event.person for event in restored.vault.buried] == [f"{ann[0]:016x}"]
            with pytest.raises(VaultRefused, match="not_held"):
                read(TO_DELIVER, ann[0], ["phone"])
            assert find(TO_DELIVER, "phone", "13812345678") == 0
            again.days_later(LIMIT_DAYS + 1)
            assert again.shop.identity.living(ann) == 0
            patterns, _ = spellings(list(ANNS_VALUES.values()))
            assert everywhere([again.root], patterns) == []
        else:  # the control: without them a backup would bring her back, within the 30 days
            assert find(TO_DELIVER, "phone", "13812345678") == ann[0]
    finally:
        again.close()
    with pytest.raises(KeyBackupRefused, match="ended on day"):
        restore_keys(keys_before, StorePaths(tmp_path / "later").shop("tea"), DAY + 31)


def test_a_vault_without_its_keys_does_not_begin_anew(store: Store, tmp_path: Path) -> None:
    vault = store.open()
    bob = store.tokens(BOBS_VALUES)
    store.sell(bob)
    store.met(bob[0])
    vault.vault.writing.store(OPERATOR, bob[0], BOBS)
    bootstrap.back_up(store.root, tmp_path / "backup", lambda *_: None)
    shutil.copytree(store.shop.paths.secrets, tmp_path / "secrets" / "tea")
    assert list((tmp_path / "backup").rglob("vault-keys*")) == []
    store.close()
    again = Store(tmp_path / "again", store.keys_folder, store.clock)
    bootstrap.restore(tmp_path / "backup", again.root, tmp_path / "secrets", lambda *_: None)
    with pytest.raises(RootKeyUnusable, match=r"vault-keys\.db is missing"):
        again.open()
