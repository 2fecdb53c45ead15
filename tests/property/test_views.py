"""The views hold what a naive fold of the journal's entries holds, however the entries came.

The fold below looks at one row at a time, in plain Python. Stories are compared with the engine's
own order states and, summed up, with its stock.
"""

import random
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.events import events_of
from tidegate.record.lines import (
    ALL_LINES,
    CONTINUES,
    DUPLICATE,
    FACT,
    OPERATION,
    OPERATION_KINDS,
    PAY,
)
from tidegate.testing.scene import ORDERS_HI, Scene
from tidegate.views import figures, places, projection, stock
from tidegate.views.file import open_views
from tidegate.views.parts import position_of, seq_of
from tidegate.views.places import Places, key_of
from tidegate.views.shop_views import ShopViews
from tidegate.views.stock import StockView

STREAM = "shop-1"
SKUS = ("A", "B", "C")


class RandomShop:
    """A shop to which random things happen, in entries of several things each."""

    def __init__(self, seed: int, steps: int) -> None:
        self.dice = random.Random(seed)
        self.scene = Scene()
        for code in SKUS:
            self.scene.do(f.PutSku(code, 1_000, cost_floor_fen=600))
            self.scene.do(f.ReceiveStock(code, 60))
        self.scene.do(f.PutChannel("web"))
        self.scene.do(f.PutRule("each", "sku", "A", window="day", limits={"account": 9}))
        self.placed: list[np.ndarray] = []
        self.operated: list[np.ndarray] = []
        for _ in range(steps):
            self.entry()

    def entry(self) -> None:
        """One entry of up to four things."""
        scene, dice = self.scene, self.dice
        scene.wait(s=dice.choice((0, 0, 1, 20, 200)))
        scene.begin()
        for _ in range(dice.randrange(1, 5)):
            what = dice.random()
            if what < 0.45:
                rows = [self.order() for _ in range(dice.randrange(1, 4))]
                self.placed += rows
                scene.machine.decide_orders(np.concatenate(rows))
            elif what < 0.85:
                rows = np.concatenate([self.operation() for _ in range(dice.randrange(1, 4))])
                scene.machine.decide_operations(rows)
            elif what < 0.93:
                scene.machine.expire()
            else:
                self.command()
        if dice.random() < 0.1:
            scene.machine.note(f.Note("snapshot", 3, "digest"))
        scene.finish()

    def order(self) -> np.ndarray:
        dice = self.dice
        if self.placed and dice.random() < 0.15:
            rows = dice.choice(self.placed).copy()
            if dice.random() < 0.3:
                rows["receivable_fen"] += 1
            return rows
        lines = []
        for _ in range(dice.choice((1, 1, 2, 3))):
            quantity = dice.randrange(1, 5)
            fen = quantity * dice.choice((1_000, 700, 500))
            lines.append(
                {"sku": dice.choice((0, 1, 2, 2, 7)), "quantity": quantity, "receivable_fen": fen}
            )
        fact = dice.random() < 0.25
        return self.scene.rows(
            *lines, paid=fact or dice.random() < 0.5, fact=fact,
            keys={"account": dice.randrange(1, 6)}, hold_ttl_s=dice.choice((0, 30)),
        )  # fmt: skip

    def operation(self) -> np.ndarray:
        dice, row = self.dice, np.zeros(1, OPERATION)
        if self.operated and dice.random() < 0.1:
            return dice.choice(self.operated)
        row["id_hi"], row["id_lo"] = 9, self.scene.next_id()
        row["order_hi"], row["order_lo"] = ORDERS_HI, 999_999
        if self.placed and dice.random() < 0.95:
            order = dice.choice(self.placed)
            row["order_lo"] = order["id_lo"][0]
            row["amount_fen"] = order["receivable_fen"].sum()
            if len(order) > 1 or dice.random() < 0.3:
                row["line"] = dice.randrange(len(order) + 1)
        row["kind"] = dice.choice((PAY, PAY, *range(1, len(OPERATION_KINDS))))
        row["line"] = ALL_LINES if dice.random() < 0.5 else row["line"]
        row["quantity"] = dice.choice((0, 0, 0, 1, 2, 60))
        self.operated.append(row)
        return row

    def command(self) -> None:
        command = self.dice.choice((
            f.ReceiveStock(self.dice.choice(SKUS), self.dice.randrange(1, 30)),
            f.AdjustStock("B", -self.dice.randrange(1, 9)),
            f.PutSku("C", self.dice.randrange(900, 1_100), cost_floor_fen=600),
            f.SetPolicy(hold_ttl_s=self.dice.randrange(20, 900)),
            f.ReceiveStock("nothing", 1),
        ))  # fmt: skip
        self.scene.machine.decide_command(0xC0, self.scene.next_id(), command, 1)


@dataclass
class Naive:
    """What the entries say, one row at a time."""

    events: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)
    minutes: dict[int, list[int]] = field(default_factory=dict)
    reasons: Counter[tuple[str, int]] = field(default_factory=Counter)
    skus: dict[int, list[int]] = field(default_factory=dict)
    remembered: list[tuple[int, int] | None] = field(default_factory=list)

    def fold(self, seq: int, payload: bytes) -> None:
        data = en.aligned(payload)
        minute = en.read_head(data).now_ms // 60_000
        position = 0
        for frame in en.read_frames(data):
            for at, kind in self.frame(frame, minute):
                if at is not None:
                    self.events.setdefault(at, []).append((seq, position))
                position += kind

    def frame(self, frame: en.Frame, minute: int) -> Iterator[tuple[Any, int]]:
        if frame.kind == en.ORDERS:
            lines, outcomes = en.read_orders(frame.body)
            whole: list[list[Any]] = []
            for line in lines:
                if line["flags"] & CONTINUES:
                    whole[-1].append(line)
                else:
                    whole.append([line])
            for order, outcome in zip(whole, outcomes, strict=True):
                yield self.order(order, outcome, minute), 1
        elif frame.kind == en.OPERATIONS:
            for row, outcome in zip(*en.read_operations(frame.body), strict=True):
                yield self.operation(row, outcome), 1
        elif frame.kind == en.EXPIRED:
            for number in en.read_expired(frame.body):
                self.reasons["hold_expired", 0] += 1
                yield self.remembered[int(number)], 1
        elif frame.kind == en.COMMAND:
            envelope = f.decode_envelope(frame.body.tobytes())
            self.reasons["command", envelope.reason] += 1
            if envelope.fact is not None:
                self.remembered.append(None)
            yield None, 1
        else:
            yield None, 1

    def order(self, lines: list[Any], outcome: np.void, minute: int) -> tuple[int, int]:
        at = int(lines[0]["id_hi"]), int(lines[0]["id_lo"])
        of = self.minutes.setdefault(minute, [0] * 7)
        of[0] += 1
        if outcome["flags"] & DUPLICATE:
            of[1] += 1
            return at
        accepted = outcome["reason"] == 0
        sale = bool(lines[0]["flags"] & FACT)
        if accepted:
            self.remembered.append(at)
            of[2] += 1
            of[3] += sale
            of[6] += int(outcome["short"])
        else:
            self.reasons["order", int(outcome["reason"])] += 1
        for bit in range(32):
            if accepted and sale and int(outcome["mask"]) >> bit & 1:
                self.reasons["sale", bit] += 1
        for line in lines:
            units, fen = int(line["quantity"]), int(line["receivable_fen"])
            sku = self.skus.setdefault(int(line["sku"]), [0] * 4)
            if accepted:
                of[4] += units
                of[5] += fen
                sku[0], sku[1], sku[2] = sku[0] + 1, sku[1] + units, sku[2] + fen
            else:
                sku[3] += units
        return at

    def operation(self, row: np.void, outcome: np.void) -> tuple[int, int]:
        if not outcome["flags"]:
            reason = int(outcome["reason"])
            self.reasons[OPERATION_KINDS[row["kind"]], reason] += 1
            if reason == 0 or (row["kind"] == PAY and reason != Reason.UNKNOWN_ORDER):
                self.remembered.append(None)
        return int(row["order_hi"]), int(row["order_lo"])


class Followed:
    """A random shop's journal, and its views."""

    def __init__(self, place: Path, seed: int, steps: int) -> None:
        self.shop = RandomShop(seed, steps)
        self.journal = MemoryJournal(MemoryStore(STREAM))
        self.naive = Naive()
        head = self.journal.claim("me")
        for payload in self.shop.scene.entries:
            head = self.journal.append(head.seq, payload)
            self.naive.fold(head.seq, payload)
        self.path = place / "views.db"
        self.connection = open_views(self.path, STREAM)

    def follow(self, connection: sqlite3.Connection, dice: random.Random) -> str:
        """Project everything in parts of random sizes, opening anew now and then; the digest."""
        views = projection.Projection(connection)
        entries = self.journal.read(1, 1 << 30)
        while (done := views.cursor.head.seq) < len(entries):
            views.take(entries[done : done + dice.choice((1, 1, 2, 5, 40))])
            if dice.random() < 0.2:
                views = projection.Projection(connection)
        return views.digest()


def belongs_to(event: bytes, order: tuple[int, int]) -> bool:
    """Whether an event, as the trees hash it, is of this order; an expired hold names no order."""
    name, _, data = event.partition(b"\0")
    at = {b"order 1": 16, b"operation 1": 28}.get(name)
    return name == b"expired 1" if at is None else struct.unpack_from("<QQ", data, at) == order


SEEDS = st.integers(0, 10_000)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_views_are_what_a_naive_fold_is(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    made = Followed(tmp_path_factory.mktemp("views"), seed, 70)
    digest = made.follow(made.connection, random.Random(seed))
    naive, found = made.naive, Places(made.connection)
    for at, expected in naive.events.items():
        seen = [(seq_of(place), position_of(place)) for place in found.find(key_of(*at))]
        assert seen == expected
    for entry in made.journal.read(2, 1 << 30):
        canonical = events_of(entry.payload)
        for at, of_order in naive.events.items():
            for _, position in (place for place in of_order if place[0] == entry.seq):
                assert belongs_to(canonical[position], at)
    assert len(found.everything()[0]) == sum(map(len, naive.events.values()))
    assert [tuple(row) for row in figures.minute_figures(made.connection, 0, 1 << 40)] == [
        (minute, *naive.minutes[minute]) for minute in sorted(naive.minutes)
    ]
    counted = figures.reason_counts(made.connection, 0, 1 << 40)
    assert {(row.about, row.reason): row.events for row in counted} == dict(naive.reasons)
    by_sku = {row.sku: list(row[1:]) for row in figures.sku_figures(made.connection, 0, 1 << 40)}
    assert by_sku == naive.skus
    view = projection.Projection(made.connection)
    assert view.remembered == len(naive.remembered)
    assert view.remembered == int(made.shop.scene.machine.state.scalars[lo.ORDER_COUNT])
    again = open_views(made.path.with_name("again.db"), STREAM)
    assert made.follow(again, random.Random(seed + 1)) == digest
    again.close()
    made.connection.close()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, behind=st.integers(0, 40))
def test_stories_add_up_to_the_engines_orders_and_stock(
    tmp_path_factory: pytest.TempPathFactory, seed: int, behind: int
) -> None:
    """With the views some entries behind: what they lack is read from the journal."""
    made = Followed(tmp_path_factory.mktemp("views"), seed, 70)
    views = projection.Projection(made.connection)
    entries = made.journal.read(1, 1 << 30)
    views.take(entries[: max(0, len(entries) - behind)])
    reader = ShopViews(made.path, lambda: made.journal, lambda _, id_: (ORDERS_HI, int(id_)))
    state = made.shop.scene.machine.state
    states = {
        (int(row["id_hi"]), int(row["id_lo"])): lo.STATE_NAMES[row["state"]]
        for row in state.orders[: int(state.scalars[lo.ORDER_COUNT])]
    }
    units: Counter[tuple[str, str]] = Counter()
    for hi, order in made.naive.events:
        story = reader.story("web", str(order)) if hi == ORDERS_HI else None
        assert story is not None
        told = [(event["seq"], event["position"]) for event in story["events"]]
        assert told == made.naive.events[hi, order]
        of = story["order"]
        assert of["state"] in (states.get((hi, order)), "refused", "")
        for line in of["lines"]:
            if of["state"] != "refused":
                left = line["quantity"] - line["cancelled"] - line["shipped"]
                units[line["sku"], of["state"]] += left
                units[line["sku"], "shipped"] += line["shipped"]
    for number, code in enumerate(SKUS):
        cell = state.cells[0, number]
        assert units[code, "pre_held"] == cell["pre_held"]
        claimed = sum(units[code, name] for name in ("committed", "released", "on_hold"))
        assert claimed == cell["committed"] + cell["debt"]
        assert units[code, "shipped"] == cell["shipped"]
    reader.close()
    made.connection.close()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_stocks_cells_are_the_machines(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    made = Followed(tmp_path_factory.mktemp("views"), seed, 40)
    view, machine = StockView(made.connection), Scene().machine
    for entry in made.journal.read(2, 1 << 30):
        machine.fold(entry.payload)
        if entry.seq % 3 == 0:
            view.save(machine.state.cells[:1, : len(machine.catalogue.skus)], entry.head, 5)
        if entry.seq % 11 == 0:
            view = StockView(made.connection)
    view.save(machine.state.cells[:1, : len(machine.catalogue.skus)], made.journal.head(), 9)
    expected = [
        (0, sku, *(int(machine.state.cells[0, sku][name]) for name in stock.CELL_FIELDS))
        for sku in range(len(SKUS))
    ]
    assert [tuple(cell) for cell in stock.stock_cells(made.connection)] == expected
    assert [tuple(cell) for cell in stock.stock_cells(made.connection, 1)] == expected[1:2]
    assert view.cursor == (made.journal.head(), 9)
    made.connection.close()


@settings(max_examples=40, deadline=None)
@given(
    adds=st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=60),
    crowded=st.booleans(),
)
def test_places_are_found_however_they_were_added(
    tmp_path_factory: pytest.TempPathFactory, adds: list[list[int]], crowded: bool
) -> None:
    """Keys side by side, keys that are equal, and keys at both ends of the range."""
    connection = open_views(tmp_path_factory.mktemp("places") / "views.db", STREAM)
    found, expected, place = Places(connection), {}, 0
    spread = 1 if crowded else (1 << 64) // 41
    for group in adds:
        keys = [
            (1 << 64) - 1 - number * spread if number % 2 else number * spread for number in group
        ]
        for key in keys:
            expected.setdefault(key, []).append(place := place + 2)
        first = place - 2 * len(keys) + 2
        found.add(np.array(keys, np.uint64), np.arange(first, place + 1, 2, dtype=np.uint64))
    for reader in (found, Places(connection)):
        assert {key: reader.find(key) for key in expected} == expected
        assert reader.find(12_345_678_901) == expected.get(12_345_678_901, [])
    runs = connection.execute("SELECT events FROM run ORDER BY id").fetchall()
    assert sum(events for (events,) in runs) == sum(map(len, adds))
    by_level = Counter(places.Run(0, 0, events).level for (events,) in runs)
    assert max(by_level.values(), default=0) < places.FANOUT
    connection.close()
