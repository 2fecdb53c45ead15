"""The cells of the capability table: one row a kind of channel.

Always: what was read, with the date on which it was read. Never: what somebody remembers is marked
as verified; an empty cell is better than a wrong one.
"""

from tidegate.channels.capabilities import Capabilities, Cell, Mark

READ = "2026-11-23"
PRIMARY = "the platform's developer documentation, stored copy"
THIRD = "a third party's copy of the platform's documentation"
TRADE = "trade knowledge, to be verified"
OWN_VENDURE = "docs/reference/vendure.md"
OURS = "docs/reference/channel-bridge.md"


def primary(value: object) -> Cell:  # type: ignore[type-arg]  # the row's field says the type
    """A cell read in a primary document."""
    return Cell(value, PRIMARY, READ, "V")


def third(value: object) -> Cell:  # type: ignore[type-arg]
    """A cell read in somebody's copy."""
    return Cell(value, THIRD, READ, "V-")


def own(value: object) -> Cell:  # type: ignore[type-arg]
    """A cell that this project defines."""
    mark: Mark = "own"
    return Cell(value, OURS, "2026-11-24", mark)


def shipped(value: object, what: str) -> Cell:  # type: ignore[type-arg]
    """A cell of Vendure, read in the package that the tests run."""
    return Cell(value, f"the package @vendure/core 3.7.3: {what}", "2026-11-24", "V")


UNKNOWN: Cell = Cell(None)  # type: ignore[type-arg]
POLLED_ERP = Cell(300, "through an ERP: its own product page says every five minutes", READ, "V")
ROTATES = Cell(
    "rotating_handle",
    "the platform's security rules, stored copy: the handle differs by shop, application and week",
    READ,
    "V",
)
NOT_PLAIN = Cell(
    "ciphertext",
    "the platform's security rules, stored copy: recipients in plain text may not be kept",
    READ,
    "V",
)
LOCKED = Cell(
    "no", "trade knowledge: an enrolled campaign may lock stock; a person phones", READ, "K"
)


def marketplace(kind: str, english: str, chinese: str, **known: Cell) -> Capabilities:  # type: ignore[type-arg]
    """A row of which only these cells are known."""
    empty = dict.fromkeys(Capabilities._fields[3:], UNKNOWN)
    return Capabilities(kind, english, chinese, **(empty | known))


TABLE: tuple[Capabilities, ...] = (
    marketplace(
        "taobao", "Taobao / Tmall", "淘宝 / 天猫",
        stock_update=third("both"),
        takes_reduction_in_campaign=LOCKED,
        seller_closes=third("unpaid"),
        feed_delay_s=POLLED_ERP,
        identity=ROTATES,
        address=NOT_PLAIN,
        discount_unit=Cell("tenths", THIRD, READ, "V-"),
        application=third(
            "item API reportedly closed to software vendors; a merchant's own application"
            " (自研) is another route"
        ),
    ),
    marketplace(
        "jd", "JD", "京东",
        takes_reduction_in_campaign=LOCKED,
        feed_delay_s=POLLED_ERP,
    ),
    marketplace(
        "pinduoduo", "Pinduoduo", "拼多多",
        stock_update=third("both"),
        takes_reduction_in_campaign=third("no"),
        refund_route=third("a refund agrees to an after-sale number that the buyer opened"),
        discount_unit=third("thousandths"),
        application=primary("快麦 no longer passes this platform's orders on to others"),
    ),
    marketplace(
        "douyin", "Douyin", "抖音",
        takes_reduction_in_campaign=LOCKED,
    ),
    marketplace(
        "kuaishou", "Kuaishou", "快手",
        takes_reduction_in_campaign=LOCKED,
    ),
    marketplace(
        "wechat", "WeChat store", "微信小店",
        restores_stock=primary("platform_if_unpaid"),
        stock_update=Cell(
            "increment", PRIMARY + ": advises against setting under concurrency", READ, "V"
        ),
        seller_closes=primary("unpaid"),
    ),
    marketplace(
        "app", "own app (Youzan-like)", "自有应用（类有赞）",
        deducts_stock=UNKNOWN,
        stock_update=own("both"),
        takes_reduction_in_campaign=own("yes"),
        seller_closes=own("any"),
        order_feed=own("push_and_poll"),
        identity=own("whole"),
        address=own("handle"),
        discount_unit=own("basis_points"),
        application=own("a key that the merchant makes: `tidegate channel connect`"),
    ),
    marketplace(
        "webhook", "generic webhook and pull", "通用推送与拉取",
        deducts_stock=own("placed"),
        restores_stock=own("platform"),
        stock_update=own("both"),
        seller_closes=own("any"),
        order_feed=own("push_and_poll"),
        identity=own("handle"),
        address=own("handle"),
        discount_unit=own("basis_points"),
        application=own("a key that the merchant makes: `tidegate channel connect`"),
    ),
    marketplace(
        "files", "back-office files", "后台导出文件",
        stock_update=own("set"),
        order_feed=own("files"),
        identity=own("none"),
        address=own("handle"),
        application=own("a folder: `tidegate channel connect`"),
    ),
    marketplace(
        "vendure", "Vendure", "Vendure",
        deducts_stock=shipped(
            "placed", "an order counts as placed, and is allocated, when its payment is there"
        ),
        restores_stock=shipped("platform", "cancelling releases what was allocated"),
        stock_update=shipped("set", "the Admin API sets levels and thresholds, it adds nothing"),
        takes_reduction_in_campaign=shipped("yes", "promotions lock no stock"),
        seller_closes=shipped("any", "cancelOrder"),
        refund_route=shipped("refundOrder, by the seller", "its Admin API"),
        order_feed=shipped("poll", "orders by the moment of their last change"),
        identity=shipped("whole", "a customer's id; a guest has one for each e-mail address"),
        address=shipped("plain", "its orders' shipping address"),
        application=Cell(
            "an administrator of its own: docs/reference/vendure.md", OWN_VENDURE, "2026-11-24",
            "own",
        ),
    ),
)  # fmt: skip
