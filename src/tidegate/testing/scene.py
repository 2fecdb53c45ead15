"""A shop on a bare engine, for tests: every call is one batch, every entry is kept.

Always: what was recorded can be folded again (`refolded`), and ids are given out in turn. It never
reads a clock: time stands still until `wait` moves it, and days follow UTC+8 as in the shop's zone.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import CommandOutcome, Machine
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import (
    ALL_LINES,
    CONTINUES,
    FACT,
    KEY_KINDS,
    LINE,
    OPERATION,
    OPERATION_KINDS,
    PAID,
    Array,
)

SEED = b"a seed that only tests know....."
START_MS = 1_792_944_000_000  # 2026-10-26T00:00:00+08:00, a Monday
ZONE_MS = 8 * 3_600_000
DAY_MS = 86_400_000
ORDERS_HI = 0x0D  # high halves of the ids that are given out
OPERATIONS_HI = 0x09
COMMANDS_HI = 0xC0
ANNA, BERT = 0xA11A, 0xBE27  # two operators

TINY = Capacity(
    orders=1 << 13, refusals=1 << 13, keys=1 << 13, counters=1 << 14, skus=1 << 12, rules=1 << 10
)


def day_of(now_ms: int) -> int:
    """The local day number at a moment."""
    return (now_ms + ZONE_MS) // DAY_MS


def order_rows(lines: list[dict[str, int]], common: dict[str, int]) -> Array:
    """LINE rows of one order; `common` stands on every line, a line's own fields win."""
    rows = np.zeros(len(lines), LINE)
    for i, own in enumerate(lines):
        for name, value in {**common, **own}.items():
            rows[i][name] = value
        if i > 0:
            rows[i]["flags"] |= CONTINUES
    return rows


def key_fields(keys: dict[str, int], unverified: dict[str, int]) -> dict[str, int]:
    """The fields of identity keys: tokens by kind, and which are verified."""
    fields = {"verified": sum(1 << KEY_KINDS.index(kind) for kind in keys)}
    for kind, token in {**keys, **unverified}.items():
        fields[f"key{KEY_KINDS.index(kind)}"] = token
    return fields


@dataclass(frozen=True)
class Verdict:
    """One outcome, with the reason by its name."""

    reason: Reason
    duplicate: bool
    rule: int
    has: int
    failed: tuple[Reason, ...]
    short: int
    id: int = 0

    @property
    def ok(self) -> bool:
        """Whether it was accepted."""
        return self.reason is Reason.ACCEPTED


def verdict(row: np.void, number: int = 0) -> Verdict:
    """An OUTCOME row as a Verdict."""
    failed = tuple(Reason(bit) for bit in range(32) if int(row["mask"]) >> bit & 1)
    return Verdict(
        Reason(int(row["reason"])), bool(row["flags"]), int(row["rule"]), int(row["has"]),
        failed, int(row["short"]), number,
    )  # fmt: skip


@dataclass
class Scene:
    """One machine, its entries and its time."""

    capacity: Capacity = TINY
    now_ms: int = START_MS
    entries: list[bytes] = field(default_factory=list, repr=False)
    ids: int = 0

    def __post_init__(self) -> None:
        self.machine = Machine(SEED, self.capacity)

    def wait(self, *, ms: int = 0, s: int = 0, days: int = 0) -> None:
        """Let time pass."""
        self.now_ms += ms + 1000 * s + DAY_MS * days

    def next_id(self) -> int:
        """A number that was not used before."""
        self.ids += 1
        return self.ids

    def begin(self) -> None:
        """The moment of the next batch."""
        self.machine.begin(self.now_ms, day_of(self.now_ms))

    def finish(self) -> None:
        """Keep the batch's entry, as a journal would."""
        payload = self.machine.finish()
        if payload:
            self.entries.append(payload)

    def tell(
        self, command: f.Command, actor: int = ANNA, approver: int = 0, number: int = 0
    ) -> CommandOutcome:
        """Decide one command, whatever comes of it."""
        self.begin()
        number = number or self.next_id()
        answer = self.machine.decide_command(COMMANDS_HI, number, command, actor, approver)
        self.finish()
        return answer

    def do(self, command: f.Command, actor: int = ANNA, approver: int = 0) -> f.Fact | None:
        """Decide a command that must be accepted; its fact."""
        answer = self.tell(command, actor, approver)
        assert answer.reason is Reason.ACCEPTED, (command, answer)
        return answer.fact

    def line(
        self,
        code: str,
        quantity: int = 1,
        fen: int | None = None,
        *,
        promotion: str = "",
        exception: str = "",
        **fields: int,
    ) -> dict[str, int]:
        """A line of an order by codes, at list price unless it says otherwise."""
        catalogue = self.machine.catalogue
        number = catalogue.sku_number(code)
        if fen is None:
            fen = int(self.machine.state.skus[number]["list_price_fen"]) * quantity
        made = {"sku": number, "quantity": quantity, "receivable_fen": fen}
        if promotion:
            made["promotion"] = catalogue.promotion_number(promotion)
        if exception:
            made["exception"] = catalogue.exception_number(exception)
        return made | fields

    def buy(
        self,
        code: str,
        quantity: int = 1,
        fen: int | None = None,
        **how: Any,  # noqa: ANN401 -- as `rows`
    ) -> Verdict:
        """Decide an order of one line."""
        return self.order(self.line(code, quantity, fen), **how)

    def rows(
        self,
        *lines: dict[str, int],
        number: int = 0,
        paid: bool = True,
        fact: bool = False,
        keys: dict[str, int] | None = None,
        unverified: dict[str, int] | None = None,
        **fields: int,
    ) -> Array:
        """LINE rows of one order placed now."""
        number = number or self.next_id()
        common = {
            "id_hi": ORDERS_HI, "id_lo": number, "placed_at_ms": self.now_ms,
            "flags": (PAID if paid else 0) | (FACT if fact else 0),
            **key_fields(keys or {}, unverified or {}), **fields,
        }  # fmt: skip
        return order_rows(list(lines), common)

    def order(self, *lines: dict[str, int], **how: Any) -> Verdict:  # noqa: ANN401 -- as `rows`
        """Decide one order; `how` is what `rows` takes."""
        return self.place(self.rows(*lines, **how))

    def place(self, rows: Array) -> Verdict:
        """Decide rows that hold one order."""
        (answer,) = self.place_all(rows)
        return answer

    def place_all(self, rows: Array) -> list[Verdict]:
        """Decide rows that hold any number of orders."""
        self.begin()
        outcomes = self.machine.decide_orders(rows)
        self.finish()
        heads = rows[rows["flags"] & CONTINUES == 0]
        return [verdict(out, int(head["id_lo"])) for out, head in zip(outcomes, heads, strict=True)]

    def operation_row(
        self,
        kind: str,
        order: int,
        *,
        quantity: int = 0,
        line: int = ALL_LINES,
        fen: int = 0,
        flags: int = 0,
        number: int = 0,
    ) -> Array:
        """One OPERATION row on an order of this scene."""
        row = np.zeros(1, OPERATION)
        row["id_hi"], row["id_lo"] = OPERATIONS_HI, number or self.next_id()
        row["order_hi"], row["order_lo"] = ORDERS_HI, order
        row["amount_fen"], row["quantity"], row["line"] = fen, quantity, line
        row["kind"], row["flags"] = OPERATION_KINDS.index(kind), flags
        return row

    def operate_rows(self, rows: Array) -> list[Verdict]:
        """Decide OPERATION rows."""
        self.begin()
        outcomes = self.machine.decide_operations(rows)
        self.finish()
        return [verdict(out, int(row["id_lo"])) for out, row in zip(outcomes, rows, strict=True)]

    def operate(self, kind: str, order: int, **how: int) -> Verdict:
        """Decide one operation on an order; `how` is what `operation_row` takes."""
        (answer,) = self.operate_rows(self.operation_row(kind, order, **how))
        return answer

    def expire(self) -> int:
        """End what is due now; how many."""
        self.begin()
        count = self.machine.expire()
        self.finish()
        return count

    def cell(self, code: str, pool: str = "shared") -> dict[str, int]:
        """The stock of a SKU in a pool, by field, zeros left out."""
        catalogue = self.machine.catalogue
        row = self.machine.state.cells[catalogue.pools[pool], catalogue.skus[code]]
        return {name: int(row[name]) for name in row.dtype.names if row[name]}

    def refolded(self) -> Machine:
        """Another machine that folded every entry."""
        other = Machine(SEED, self.capacity)
        for entry in self.entries:
            other.fold(entry)
        return other

    def sound(self) -> bool:
        """Whether folding the entries gives the same state, bit by bit."""
        return self.refolded().digest() == self.machine.digest()


def stocked(units: int = 100, capacity: Capacity = TINY) -> Scene:
    """A shop that sells A (10.00, floor 6.00) and B (5.00, floor 3.00) through `web` (channel 0).

    The marketplace `mall` (channel 1) sells from a pool of its own, `bazaar` (2) from the shared.
    """
    scene = Scene(capacity)
    for command in (
        f.PutPool("mall"),
        f.PutChannel("web"),
        f.PutChannel("mall", kind="marketplace", pool="mall"),
        f.PutChannel("bazaar", kind="marketplace"),
        f.PutSku("A", 1_000, cost_floor_fen=600),
        f.PutSku("B", 500, cost_floor_fen=300),
        f.CountStock("A", units),
        f.CountStock("B", units),
    ):
        scene.do(command)
    return scene


def decide_again(entries: list[bytes], capacity: Capacity) -> Machine:
    """Decide what was recorded once more; each outcome must be the recorded one."""
    machine = Machine(SEED, capacity)
    for payload in entries:
        data = en.aligned(payload)
        head = en.read_head(data)
        machine.begin(head.now_ms, head.local_day)
        for frame in en.read_frames(data):
            if frame.kind == en.ORDERS:
                rows, outcomes = en.read_orders(frame.body)
                assert machine.decide_orders(rows).tobytes() == outcomes.tobytes()
            elif frame.kind == en.OPERATIONS:
                rows, outcomes = en.read_operations(frame.body)
                assert machine.decide_operations(rows).tobytes() == outcomes.tobytes()
            else:
                machine.fold_frame(frame)
        machine.end_fold()
    return machine
