"""One order, folded from its own events: its lines and what has become of them.

Always: it follows records and never judges; what the engine did not accept changes nothing. Never:
stock, limits or other orders come into it. Kept in plain Python: a story has few events.
"""

from dataclasses import dataclass, field

from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    EXTEND,
    FACT,
    HOLD,
    KEY_KINDS,
    PAID,
    PAY,
    RELEASE,
    RETURN,
    RETURN_DEFECTIVE,
    SHIP,
    Array,
)

REFUSED, PRE_HELD, COMMITTED, RELEASED = "refused", "pre_held", "committed", "released"
ON_HOLD, EXPIRED, CLOSED = "on_hold", "expired", "closed"

# What the engine starts with, until a policy says otherwise (a test compares them).
POLICY_DEFAULTS = {
    "hold_ttl_s": 900, "hold_ttl_max_s": 7 * 86_400, "hold_cap": 0, "late_payment_s": 3_600,
    "quantity_max_order": 1_000_000, "pricing_version": 1,
}  # fmt: skip
ORDER_AGE_MAX_MS = 86_400_000


@dataclass
class OrderLine:
    """One line: what was ordered, and what became of its units."""

    sku: int
    quantity: int
    receivable_fen: int
    platform_fen: int
    promotion: int
    exception: int
    gift_of: int
    cancelled: int = 0
    shipped: int = 0
    returned: int = 0

    @property
    def open(self) -> int:
        """Units ordered, not cancelled and not shipped."""
        return self.quantity - self.cancelled - self.shipped

    @property
    def due_fen(self) -> int:
        """What the buyer owes for the units that were not cancelled; shares round down."""
        money = self.receivable_fen - self.platform_fen
        return money - money * self.cancelled // self.quantity if self.quantity else money


@dataclass
class Order:
    """An order as its events have made it so far; `state` is "" before the first."""

    state: str = ""
    channel: int = 0
    is_sale: bool = False
    placed_at_ms: int = 0
    hold_ends_ms: int = 0  # 0 = no hold
    mismatch_fen: int = 0
    pricing_version: int = 0
    key_kinds: tuple[str, ...] = ()  # the kinds of identity key that were verified
    lines: list[OrderLine] = field(default_factory=list)

    @property
    def due_fen(self) -> int:
        """What the buyer owes in all."""
        return sum(line.due_fen for line in self.lines)

    def open_units(self, line: int, kind: int) -> int:
        """Units that an operation of this kind on a line (or ALL_LINES) could take."""
        chosen = self.lines if line == ALL_LINES else self.lines[line : line + 1]
        return sum(_units(of, kind) for of in chosen)

    def placed(self, rows: Array, reason: int, now_ms: int, policy: dict[str, int]) -> None:
        """The order was decided for the first time under its id, or again after a refusal."""
        head = rows[0]
        flags = int(head["flags"])
        self.channel, self.is_sale = int(head["channel"]), bool(flags & FACT)
        self.placed_at_ms = int(head["placed_at_ms"])
        self.mismatch_fen = int(head["mismatch_fen"])
        self.pricing_version = int(head["pricing_version"])
        self.key_kinds = verified_kinds(head)
        self.lines = lines_of(rows)
        self.hold_ends_ms = 0
        if reason:
            self.state = REFUSED
        elif flags & PAID:
            self.state = COMMITTED
        else:
            self.state = PRE_HELD
            if not self.is_sale:
                ttl_s = int(head["hold_ttl_s"]) or policy["hold_ttl_s"]
                ttl_s = min(ttl_s, policy["hold_ttl_max_s"])
                self.hold_ends_ms = (now_ms // 1000 + ttl_s) * 1000

    def operated(self, kind: int, line: int, quantity: int, now_ms: int) -> None:
        """An operation was accepted."""
        if kind == PAY:
            self.state, self.hold_ends_ms = COMMITTED, 0
        elif kind == RELEASE:
            self.state = RELEASED
        elif kind == HOLD:
            self.state = ON_HOLD
        elif kind == EXTEND:
            self.hold_ends_ms = (now_ms // 1000 + quantity) * 1000
        else:
            self._move(kind, line, quantity)

    def expired(self) -> None:
        """Its unpaid hold ended."""
        self.state, self.hold_ends_ms = EXPIRED, 0

    def _move(self, kind: int, chosen: int, quantity: int) -> None:
        for number, line in enumerate(self.lines):
            if chosen not in (ALL_LINES, number):
                continue
            units = quantity or _units(line, kind)
            if kind == CANCEL:
                line.cancelled += units
            elif kind == SHIP:
                line.shipped += units
            else:
                line.returned += units
        if all(line.open == 0 and line.shipped == line.returned for line in self.lines):
            self.state, self.hold_ends_ms = CLOSED, 0


def lines_of(rows: Array) -> list[OrderLine]:
    """LINE rows of one order as its lines."""
    return [
        OrderLine(
            int(row["sku"]), int(row["quantity"]), int(row["receivable_fen"]),
            int(row["platform_fen"]), int(row["promotion"]), int(row["exception"]),
            int(row["gift_of"]),
        )
        for row in rows
    ]  # fmt: skip


def verified_kinds(head: Array) -> tuple[str, ...]:
    """The kinds of identity key that an order's first row carries, verified."""
    return tuple(
        name
        for kind, name in enumerate(KEY_KINDS)
        if int(head[f"key{kind}"]) and int(head["verified"]) >> kind & 1
    )


def _units(line: OrderLine, kind: int) -> int:
    if kind in (RETURN, RETURN_DEFECTIVE):
        return line.shipped - line.returned
    return line.open
