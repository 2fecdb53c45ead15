"""What each kind of channel can do: one typed table, each cell with its source, date and mark.

Always: a cell whose value nobody has read anywhere is `None`, and code that asks takes the safe way
then. Never: anything is guessed, or a mark is raised without a document that was read.
"""

from typing import Generic, Literal, NamedTuple, TypeVar

T = TypeVar("T")

# V: read in a stored copy of a primary document. V-: in a third party's copy only. K: trade
# knowledge. own: defined by this project, so the code is the source. "": nothing known.
Mark = Literal["V", "V-", "K", "own", ""]

Deduction = Literal["placed", "paid", "by_item"]
Restores = Literal["platform", "platform_if_unpaid", "merchant"]
StockUpdate = Literal["set", "increment", "both"]
Accepted = Literal["yes", "no"]
SellerCloses = Literal["unpaid", "any", "none"]
Feed = Literal["push", "poll", "push_and_poll", "files"]
Identity = Literal["whole", "handle", "rotating_handle", "none"]
Address = Literal["plain", "handle", "ciphertext"]
DiscountUnit = Literal["tenths", "thousandths", "basis_points"]


class Cell(NamedTuple, Generic[T]):
    """One answer: the value (None = unknown), where it was read, when, and how well."""

    value: T | None
    source: str = ""
    dated: str = ""
    mark: Mark = ""

    @property
    def verified(self) -> bool:
        """Whether a primary document, or our own definition, says so."""
        return self.mark in ("V", "own")


class Capabilities(NamedTuple):
    """Everything that code may ask of one kind of channel."""

    kind: str
    english: str
    chinese: str
    deducts_stock: Cell[Deduction]
    restores_stock: Cell[Restores]
    stock_update: Cell[StockUpdate]
    takes_reduction_in_campaign: Cell[Accepted]
    seller_closes: Cell[SellerCloses]
    refund_route: Cell[str]
    order_feed: Cell[Feed]
    feed_delay_s: Cell[int]
    identity: Cell[Identity]
    address: Cell[Address]
    discount_unit: Cell[DiscountUnit]
    application: Cell[str]

    @property
    def adds_stock(self) -> bool:
        """Whether a change may go as an increment; unknown: no, it is read and set."""
        return self.stock_update.value in ("increment", "both")

    @property
    def may_refuse_reduction(self) -> bool:
        """Whether to be ready for a refused reduction; unknown: yes."""
        return self.takes_reduction_in_campaign.value != "yes"

    def restores_itself(self, *, was_paid: bool) -> bool:
        """Whether the channel shows a cancelled order's units again by itself; unknown: yes.

        Yes is the safe answer: units that it may have put back are not offered a second time.
        """
        if self.restores_stock.value == "merchant":
            return False
        return not (self.restores_stock.value == "platform_if_unpaid" and was_paid)

    @property
    def may_close(self) -> SellerCloses:
        """Which orders the seller may close; unknown: none."""
        return self.seller_closes.value or "none"


TOPICS: dict[str, tuple[str, str]] = {
    "deducts_stock": ("deducts stock when", "何时扣库存"),
    "restores_stock": ("restores stock after a cancellation", "取消后谁恢复库存"),
    "stock_update": ("stock updates", "库存更新方式"),
    "takes_reduction_in_campaign": ("takes a reduction during a campaign", "活动中可否减库存"),
    "seller_closes": ("orders that the seller can close", "卖家可关闭的订单"),
    "refund_route": ("refund and after-sale route", "退款与售后途径"),
    "order_feed": ("order feed", "订单推送或拉取"),
    "feed_delay_s": ("delay of the feed, seconds", "订单延迟（秒）"),
    "identity": ("buyer's identity given", "买家身份标识"),
    "address": ("address that may be kept", "可保存的收件信息"),
    "discount_unit": ("unit of discounts in its files", "折扣单位"),
    "application": ("how an application gets access", "应用接入方式"),
}


def cells(capabilities: Capabilities) -> list[tuple[str, Cell[object]]]:
    """Topic and cell, in the table's order."""
    return [(topic, getattr(capabilities, topic)) for topic in TOPICS]


class UnknownKind(LookupError):
    """There is no such kind of channel in the table."""


def capabilities_of(kind: str) -> Capabilities:
    """The row of a kind. Raises UnknownKind."""
    from tidegate.channels.capability_cells import TABLE

    for row in TABLE:
        if row.kind == kind:
            return row
    known = ", ".join(row.kind for row in TABLE)
    raise UnknownKind(f"no kind of channel {kind!r}; there are: {known}")
