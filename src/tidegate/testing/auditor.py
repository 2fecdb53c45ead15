"""A naive auditor: what an order's verdict must be, from a shop's naive books.

It replays every accepted command and, for an order of one line, names every guard that fails. It
is slow and plain on purpose, and never uses code of the engine.
"""

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.books import Books, Order


class Auditor(Books):
    """The books of one shop, and the guards."""

    def command(self, c: f.Command) -> None:
        """Replay an accepted command."""
        match c:
            case f.PutSku():
                old = self.skus.get(c.code)
                price = (c.list_price_fen, c.cost_floor_fen, c.red_line_fen)
                if not old or (old.list_price_fen, old.cost_floor_fen, old.red_line_fen) != price:
                    self.versions[c.code] = self.next_version()
                self.skus[c.code] = c
            case f.PutChannel():
                self.pools[c.code] = c.pool
            case f.PutPromotion():
                self.promotions.add(c.code)
                self.versions["promotion " + c.code] = self.next_version()
            case f.PutGroup():
                self.groups[c.code] = c.skus
            case f.PutRule():
                self.rules[c.code] = c
            case f.DropRule():
                self.rules.pop(c.code, None)
            case f.SetFlag(flag="paused"):
                (self.paused.add if c.on else self.paused.discard)((c.scope, c.target))
            case f.SetPolicy():
                self.hold_cap = self.hold_cap if c.hold_cap is None else c.hold_cap
            case _:
                self.stock(c)

    def next_version(self) -> int:
        """Prices count from 1; each change is the next number."""
        return max(1, *self.versions.values()) + 1 if self.versions else 2

    def stock(self, c: f.Command) -> None:
        """Replay an accepted command about stock."""
        match c:
            case f.ReceiveStock():
                self.on_hand[c.pool, c.sku] += c.quantity
            case f.AdjustStock():
                self.on_hand[c.pool, c.sku] += c.delta
            case f.CountStock():
                self.on_hand[c.pool, c.sku] = c.counted
            case f.MoveStock():
                self.on_hand[c.from_pool, c.sku] -= c.quantity
                self.on_hand[c.to_pool, c.sku] += c.quantity
            case f.StartRecall():
                self.recalling[c.pool, c.sku] += c.quantity
            case f.FinishRecall():
                # The units asked for, less those that sales in flight or losses have eaten.
                back = max(0, min(c.quantity, self.free(c.pool, c.sku) + c.quantity))
                self.recalling[c.pool, c.sku] -= c.quantity
                self.on_hand[c.pool, c.sku] -= back
                self.on_hand["shared", c.sku] += back

    def floor(self, code: str) -> int | None:
        """The floor of one unit; None when no cost is known."""
        sku = self.skus[code]
        if sku.cost_floor_fen is not None:
            return max(sku.cost_floor_fen, sku.red_line_fen)
        total = 0
        for part, each in sku.parts.items():
            below = self.floor(part)
            if below is None:
                return None
            total += each * below
        return max(total, sku.red_line_fen) if sku.parts else None

    def holds(self, token: int) -> int:
        """Unpaid orders of a key."""
        return sum(o.state == "pre_held" and token in o.keys.values() for o in self.orders)

    def predict(self, order: Order) -> list[Reason]:
        """Every guard that an order of one line fails, in order of precedence."""
        (line,) = order.lines
        sku = self.skus[line.sku]
        line.parts = dict(sku.parts)
        needs = {part: each * line.quantity for part, each in line.needs().items()}
        promoted = "promotion " + line.promotion
        unknown = line.promotion and line.promotion not in self.promotions
        floor, whole = self.floor(line.sku), sku.list_price_fen * line.quantity
        version = max(self.versions[line.sku], self.versions[promoted] if line.promotion else 0)
        sums: dict[str, int] = {}
        for rule, each in self.reached(order, line):
            amount = self.amount(line, rule, each)
            sums[rule.code] = amount + (sums.get(rule.code, 0) if rule.basis != "orders" else 0)
        rules = {code: self.rules[code] for code in sums}
        failed = {
            Reason.SHOP_PAUSED: ("shop", "") in self.paused,
            Reason.PROMOTION_PAUSED: unknown or ("promotion", line.promotion) in self.paused,
            Reason.SKU_PAUSED: any(("sku", code) in self.paused for code in (line.sku, *sku.parts)),
            Reason.ORDER_TOO_LARGE: any(
                0 < self.skus[code].quantity_max < units
                for code, units in {**needs, line.sku: line.quantity}.items()
            ),
            Reason.QUANTITY_BELOW_MINIMUM: line.quantity < sku.quantity_min,
            Reason.PRICE_CHANGED: 0 < order.version < version,
            Reason.COST_MISSING: floor is None
            and (line.promotion or line.fen < whole or not whole),
            Reason.PRICE_BELOW_FLOOR: floor is not None and line.fen < floor * line.quantity,
            Reason.IDENTITY_MISSING: any({*rule.limits} - {*order.keys} for rule in rules.values()),
            Reason.LIMIT_EXCEEDED: any(
                self.used(code, (kind, order.keys[kind])) + sums[code] > limit
                for code, rule in rules.items()
                for kind, limit in rule.limits.items()
                if kind in order.keys
            ),
            Reason.HOLDS_EXCEEDED: (self.hold_cap and not order.paid and not order.fact)
            and any(self.holds(token) >= self.hold_cap for token in order.keys.values()),
            Reason.BUDGET_EXHAUSTED: any(
                self.used(code, None) + sums[code] > rule.budget
                for code, rule in rules.items()
                if rule.budget is not None
            ),
            Reason.STOCK_SHORT: any(
                self.free(self.pools[order.channel], code) - self.skus[code].safety_stock < units
                for code, units in needs.items()
            ),
        }  # fmt: skip
        return [reason for reason, broken in failed.items() if broken]
