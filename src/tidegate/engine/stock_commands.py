"""Judging commands about stock: receipts, adjustments, counts, moves between pools and recalls.

Like `commands`: a fact comes back or `Refused` is raised, and nothing changes.
"""

from tidegate.domain.reasons import Reason
from tidegate.engine.claims import available_units
from tidegate.engine.command_context import STOCK_MAX, Context, Refused, bound
from tidegate.record import facts as f


def stock(ctx: Context, kind: str, code: str, pool: str, delta: int) -> f.StockChanged:
    """A change of physical stock: never below zero; what promises it no longer covers is named."""
    sku, number = ctx.sku(code), ctx.pool(pool)
    if ctx.catalogue.parts.get(sku):
        raise Refused(Reason.OUT_OF_BOUNDS)  # a bundle has no stock of its own
    cell = ctx.state.cells[number, sku]
    on_hand = bound(int(cell["on_hand"]) + delta, 0, STOCK_MAX)
    promised = int(cell["pre_held"]) + int(cell["committed"])
    return f.StockChanged(
        kind, sku, number, delta, on_hand, int(cell["recalling"]), max(0, promised - on_hand)
    )


def receive_stock(ctx: Context, c: f.ReceiveStock) -> f.Fact:
    """Stock that arrived."""
    return stock(ctx, "received", c.sku, c.pool, bound(c.quantity, 1, STOCK_MAX))


def adjust_stock(ctx: Context, c: f.AdjustStock) -> f.Fact:
    """Stock found or written off."""
    return stock(ctx, "adjusted", c.sku, c.pool, bound(c.delta, -STOCK_MAX, STOCK_MAX))


def count_stock(ctx: Context, c: f.CountStock) -> f.Fact:
    """Stock counted."""
    cell = ctx.state.cells[ctx.pool(c.pool), ctx.sku(c.sku)]
    counted = bound(c.counted, 0, STOCK_MAX)
    return stock(ctx, "counted", c.sku, c.pool, counted - int(cell["on_hand"]))


def move_stock(ctx: Context, c: f.MoveStock) -> f.Fact:
    """Available units change pools; units that are promised stay."""
    sku, source, target = ctx.sku(c.sku), ctx.pool(c.from_pool), ctx.pool(c.to_pool)
    quantity = bound(c.quantity, 1, STOCK_MAX)
    if source == target or ctx.catalogue.parts.get(sku):
        raise Refused(Reason.OUT_OF_BOUNDS)
    if available_units(ctx.state, sku, source, False) < quantity:
        raise Refused(Reason.STOCK_SHORT)
    cell = ctx.state.cells[source, sku]
    return f.StockChanged(
        "moved",
        sku,
        source,
        -quantity,
        int(cell["on_hand"]) - quantity,
        int(cell["recalling"]),
        0,
        target,
    )


def start_recall(ctx: Context, c: f.StartRecall) -> f.Fact:
    """Units of a channel's pool go off sale; at most what is available there."""
    sku, pool = ctx.sku(c.sku), ctx.pool(c.pool)
    quantity = bound(c.quantity, 1, STOCK_MAX)
    if pool == 0:
        raise Refused(Reason.OUT_OF_BOUNDS)
    if available_units(ctx.state, sku, pool, False) < quantity:
        raise Refused(Reason.STOCK_SHORT)
    cell = ctx.state.cells[pool, sku]
    return f.StockChanged(
        "recall_started", sku, pool, 0, int(cell["on_hand"]), int(cell["recalling"]) + quantity, 0
    )


def finish_recall(ctx: Context, c: f.FinishRecall) -> f.Fact:
    """What sales in flight left of recalled units goes back to the shared pool."""
    sku, pool = ctx.sku(c.sku), ctx.pool(c.pool)
    cell = ctx.state.cells[pool, sku]
    quantity = bound(c.quantity, 1, int(cell["recalling"]))
    # Sold in flight beyond what was left on offer, or lost since: that much does not come back.
    kept = int(cell["recalling"]) - quantity
    free = int(cell["on_hand"] - cell["pre_held"] - cell["committed"] - cell["debt"]) - kept
    back = max(0, min(quantity, free))
    return f.StockChanged(
        "recall_finished",
        sku,
        pool,
        -back,
        int(cell["on_hand"]) - back,
        int(cell["recalling"]) - quantity,
        0,
        0,
    )
