"""`tidegate channel` beside a server: who may say what, and what it leaves in the ledger."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tidegate import bootstrap
from tidegate.access.roles import Role
from tidegate.bootstrap.channel_store import open_ledger
from tidegate.channels.alarms import BELOW_FLOOR, Alarms
from tidegate.channels.ledger import Ledger
from tidegate.channels.parking import Parked, Parking
from tidegate.cli.channel import app
from tidegate.store_paths import StorePaths

NOW_MS = 1_792_944_000_000
REFUSED_EXIT = 2


class Store:
    """A store with a shop, a connected channel, and people with one role each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = StorePaths(root)
        access = bootstrap.open_access(paths)
        boss = access.operators.create_first_administrator("boss")
        for name, role in (("ann", Role.OPERATOR), ("bob", Role.APPROVER), ("eve", Role.VIEWER)):
            access.operators.create_operator(name, role, boss.token)
        self.tokens = {one.name: one.token for one in access.operators.list_parties()}
        access.store.close()
        bootstrap.create_shop(paths.shop("one"), "one", "Asia/Shanghai")
        self.say("connect", "tmall", "--kind", "taobao", "--adapter", "push")
        self.ledger: Ledger = open_ledger(root, "one")

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--shop", "one", "--store", str(self.root)])

    def say(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == REFUSED_EXIT, done.output
        return done.output

    def owe(self, number: str, status: str = "paid") -> None:
        """An order that stock does not cover."""
        with self.ledger.writing() as connection:
            key = number.encode().ljust(16, b"\0")
            connection.execute(
                "INSERT INTO orders (key, channel, number, state, status, placed_ms, changed_ms,"
                " print, recipient, lines, due_fen, short) VALUES (?, 'tmall', ?, 'waiting', ?,"
                " ?, ?, x'', x'', '[[\"A\", 5]]', 0, 5)",
                (key, number, status, NOW_MS, NOW_MS),
            )
            connection.execute(
                "INSERT INTO debt (key, channel, number, units, opened_ms, due_ms, owner)"
                " VALUES (?, 'tmall', ?, 5, ?, ?, 'stock')",
                (key, number, NOW_MS, NOW_MS + 1),
            )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.ledger.close()


def test_one_word_stops_all_channels_and_says_which(store: Store) -> None:
    said = json.loads(store.say("stop", "--all", "--reason", "why", "--as", "ann", "--json"))
    assert said == {"now": ["tmall"], "before": []}
    assert "tmall was stopped already" in store.say("stop", "tmall")
    assert store.ledger.one("SELECT stopped, stop_reason FROM connection") == (1, "why")
    assert "STOPPED" in store.say("status")
    assert "sells again" in store.say("resume", "tmall")
    assert "not connected" in store.refused("stop", "jd")
    assert "name a channel, or say --all" in store.refused("stop")
    assert "name a channel, or say --all" in store.refused("stop", "tmall", "--all")


def test_alarms_are_listed_and_settled_by_who_may(store: Store) -> None:
    alarms = Alarms(store.ledger)
    figures = {"read_fen": 38, "floor_fen": 500, "price_fen": 1_000}
    alarms.raise_one("tmall", BELOW_FLOOR, NOW_MS, sku="A", figures=figures)
    assert "A costs a buyer 38 fen there, its floor is 500 fen" in store.say("alarms")
    assert "may not do that" in store.refused("settle", "1", "--as", "eve")
    assert "no active operator" in store.refused("settle", "1", "--as", "nobody")
    assert "alarm 1 settled" in store.say("settle", "1", "--as", "ann", "--note", "mended")
    assert "there is no open alarm 1" in store.refused("settle", "1", "--as", "ann")
    assert json.loads(store.say("alarms", "--json")) == []
    (settled,) = json.loads(store.say("alarms", "--all", "--json"))
    by = f"token:{store.tokens['ann']:016x}"
    assert (settled["settled_by"], settled["note"]) == (by, "mended")


def test_a_debt_is_taken_with_a_way_out(store: Store) -> None:
    store.owe("7")
    assert "tmall  7  5 units" in store.say("debts")
    assert "may not do that" in store.refused(
        "debt", "tmall", "7", "--way", "restock", "--as", "eve"
    )
    assert "a seller closes unpaid orders" in store.refused(
        "debt", "tmall", "7", "--way", "close", "--as", "bob"
    )
    assert store.run("debt", "tmall", "7", "--way", "magic", "--as", "bob").exit_code == 2
    taken = json.loads(store.say("debt", "tmall", "7", "--way", "ask_buyer", "--owner",
                                 "after-sale", "--as", "bob", "--json"))  # fmt: skip
    assert (taken["way"], taken["owner"]) == ("ask_buyer", "after-sale")
    assert "no open debt of order 8" in store.refused(
        "debt", "tmall", "8", "--way", "restock", "--as", "bob"
    )


def test_a_recall_is_kept_once_under_its_name(store: Store) -> None:
    wish = ("recall", "tmall", "A", "5", "--name", "back", "--as", "ann", "--json")
    assert json.loads(store.say(*wish))[0]["state"] == "asked"
    store.say("recall", "tmall", "A", "9", "--name", "back", "--as", "ann")
    (kept,) = json.loads(store.say("recalls", "--json"))
    assert (kept["units"], kept["state"]) == (5, "asked")
    assert "may not do that" in store.refused(
        "recall", "tmall", "A", "5", "--name", "more", "--as", "bob"
    )


def test_parked_orders_are_listed_and_dismissed(store: Store) -> None:
    parking = Parking("tmall", store.ledger, lambda: NOW_MS)
    parking.park([Parked("9", "sku_unmapped: X", None, (), b"")])
    assert "tmall  9  sku_unmapped: X  (parked)" in store.say("parked")
    assert "may not do that" in store.refused("dismiss", "tmall", "9", "--as", "eve")
    store.say("dismiss", "tmall", "9", "--as", "ann")
    assert json.loads(store.say("parked", "--json")) == []
    assert "no order 9" in store.refused("dismiss", "tmall", "9", "--as", "ann")
