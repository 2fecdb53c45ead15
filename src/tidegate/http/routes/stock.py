"""Units that arrive, are found, counted, moved between pools or recalled from a channel."""

from tidegate.access.roles import STOCK_WRITE
from tidegate.http import schemas as s
from tidegate.http.calls import AnyAnswer, Call, Handler, Route
from tidegate.http.commands import give
from tidegate.record import facts as f


async def receive(call: Call) -> AnyAnswer:
    """Units arrived."""
    body: s.StockReceipt = call.body
    return await give(call, f.ReceiveStock(body.sku, body.quantity, body.pool))


async def adjust(call: Call) -> AnyAnswer:
    """Units found or written off."""
    body: s.StockAdjustment = call.body
    return await give(call, f.AdjustStock(body.sku, body.delta, body.pool))


async def count(call: Call) -> AnyAnswer:
    """Units counted."""
    body: s.StockCount = call.body
    return await give(call, f.CountStock(body.sku, body.counted, body.pool))


async def transfer(call: Call) -> AnyAnswer:
    """Units moved between pools."""
    body: s.StockTransfer = call.body
    return await give(call, f.MoveStock(body.sku, body.quantity, body.from_pool, body.to_pool))


async def recall(call: Call) -> AnyAnswer:
    """Units on their way back from a channel's pool."""
    body: s.StockRecall = call.body
    if body.step == "start":
        return await give(call, f.StartRecall(body.sku, body.quantity, body.pool))
    return await give(call, f.FinishRecall(body.sku, body.quantity, body.pool))


def _route(path: str, name: str, summary: str, handler: Handler, body: type) -> Route:
    return Route(
        "POST", f"/v1/shops/{{shop}}/stock/{path}", name, summary, handler, STOCK_WRITE,
        body=body, answer=s.CommandDone,
    )  # fmt: skip


ROUTES = (
    _route("receipts", "receive_stock", "Units arrived", receive, s.StockReceipt),
    _route("adjustments", "adjust_stock", "Units found or written off", adjust, s.StockAdjustment),
    _route("counts", "count_stock", "Units counted", count, s.StockCount),
    _route("transfers", "transfer_stock", "Move units between pools", transfer, s.StockTransfer),
    _route("recalls", "recall_stock", "Recall units from a pool", recall, s.StockRecall),
)
