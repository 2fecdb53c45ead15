"""The column names that are understood without being told: generic, Taobao/Tmall, JD, UCI.

A role is what a column means to an import; a profile is one maker's names for the roles. The first
name of a role that the file has is taken. Nothing here reads a column that has no role: names,
telephone numbers and addresses in an export are never looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ORDER = "order"
LINE_ID = "line_id"
SKU = "sku"
QUANTITY = "quantity"
PRICE = "price"
LINE_TOTAL = "line_total"
ORDER_TOTAL = "order_total"
TIME = "time"
PAID_TIME = "paid_time"
CUSTOMER = "customer"
STATUS = "status"
LIST_PRICE = "list_price"
COST = "cost"
FLOOR = "floor"
QUANTITY_MAX = "quantity_max"
QUANTITY_MIN = "quantity_min"
SAFETY_STOCK = "safety_stock"

WRITE_OFF = "write_off"
REFUSE = "refuse"


@dataclass(frozen=True)
class Meaning:
    """How one maker's files are to be understood beyond the names of their columns."""

    channel: str = "web"
    cancellation_prefix: str = ""
    negative_quantity: str = REFUSE
    not_a_sale: tuple[str, ...] = ()
    date_order: str = ""
    decimal_mark: str = ""
    customer_is_number: bool = False


@dataclass(frozen=True)
class Profile:
    """Accepted column names by role, in order of preference, and what must be there."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]  # each group needs one of its roles
    meaning: Meaning = field(default_factory=Meaning)


_ORDER_REQUIRED = ((ORDER,), (SKU,), (QUANTITY,), (TIME,), (LINE_TOTAL, PRICE))

_UCI = Profile(
    "uci-online-retail",
    {
        ORDER: ("InvoiceNo", "Invoice"),
        SKU: ("StockCode",),
        QUANTITY: ("Quantity",),
        TIME: ("InvoiceDate",),
        PRICE: ("UnitPrice", "Price"),
        CUSTOMER: ("CustomerID", "Customer ID"),
    },
    ((ORDER,), (SKU,), (QUANTITY,), (TIME,), (PRICE,), (CUSTOMER,)),
    Meaning(cancellation_prefix="C", negative_quantity=WRITE_OFF, customer_is_number=True),
)

_TAOBAO = Profile(
    "taobao",
    {
        ORDER: ("主订单编号", "订单编号"),
        LINE_ID: ("子订单编号",),
        SKU: ("商家编码", "外部系统编号", "外部属性", "SKU编码"),
        QUANTITY: ("购买数量", "宝贝数量"),
        PRICE: ("商品价格", "宝贝单价", "价格"),
        LINE_TOTAL: ("买家应付货款",),
        TIME: ("订单创建时间", "拍下时间"),
        PAID_TIME: ("订单付款时间", "付款时间"),
        CUSTOMER: ("买家会员名", "买家昵称"),
        STATUS: ("订单状态",),
    },
    _ORDER_REQUIRED,
    Meaning(channel="taobao", not_a_sale=("交易关闭", "等待买家付款", "付款前关闭", "已取消")),
)

_JD = Profile(
    "jd",
    {
        ORDER: ("订单号",),
        SKU: ("商家SKUID", "商家SKU", "货号", "商品编号", "商品ID"),
        QUANTITY: ("订购数量",),
        PRICE: ("京东价",),
        LINE_TOTAL: ("商家应收",),
        ORDER_TOTAL: ("结算金额", "应付金额"),
        TIME: ("下单时间",),
        PAID_TIME: ("付款确认时间",),
        CUSTOMER: ("下单帐号", "下单账号"),
        STATUS: ("订单状态",),
    },
    _ORDER_REQUIRED,
    Meaning(channel="jd", not_a_sale=("(删除)", "已取消", "等待付款", "取消")),
)

_GENERIC_CHINESE = Profile(
    "generic-zh",
    {
        ORDER: ("订单号", "订单编号", "单号", "订单ID"),
        LINE_ID: ("明细号", "子订单号", "行号"),
        SKU: ("商品编码", "SKU", "商品编号", "货号", "规格编码", "商家编码"),
        QUANTITY: ("数量", "购买数量", "件数", "商品数量"),
        PRICE: ("单价", "成交价", "价格", "售价"),
        LINE_TOTAL: ("商家应收", "小计", "金额", "实付金额", "应收金额"),
        TIME: ("下单时间", "订单时间", "创建时间", "日期", "时间"),
        PAID_TIME: ("付款时间", "支付时间"),
        CUSTOMER: ("客户编号", "会员名", "买家账号", "买家", "客户", "会员号"),
        STATUS: ("订单状态", "状态"),
    },
    _ORDER_REQUIRED,
    Meaning(not_a_sale=("已取消", "已关闭", "待付款", "未付款", "交易关闭")),
)

_GENERIC_ENGLISH = Profile(
    "generic-en",
    {
        ORDER: ("order_id", "order id", "order number", "order no", "order no.", "order", "id"),
        LINE_ID: ("line_id", "order line id", "line item id", "item id"),
        SKU: ("sku", "sku_code", "item code", "product code", "item sku", "code"),
        QUANTITY: ("quantity", "qty", "units", "item quantity"),
        PRICE: ("unit_price", "price", "item price", "unit price"),
        LINE_TOTAL: ("line_total", "line total", "receivable", "amount", "line amount"),
        TIME: ("placed_at", "ordered_at", "order date", "order time", "date", "time", "created at"),
        PAID_TIME: ("paid_at", "paid time", "payment time"),
        CUSTOMER: ("customer_id", "customer", "buyer", "account", "buyer account", "customer no"),
        STATUS: ("status", "order status", "financial status"),
    },
    _ORDER_REQUIRED,
    Meaning(not_a_sale=("cancelled", "canceled", "closed", "unpaid", "pending payment", "voided")),
)

ORDER_PROFILES = (_UCI, _TAOBAO, _JD, _GENERIC_CHINESE, _GENERIC_ENGLISH)

_SKU_NAMES = (
    "sku", "sku_code", "code", "item code", "product code", "StockCode",
    "商家编码", "商品编码", "商家SKUID", "规格编码", "货号", "商品编号", "外部系统编号",
)  # fmt: skip

_CATALOGUE = Profile(
    "catalogue",
    {
        SKU: _SKU_NAMES,
        LIST_PRICE: (
            "list_price", "list price", "price", "unit_price", "UnitPrice",
            "一口价", "宝贝价格", "原价", "吊牌价", "京东价", "市场价", "售价", "价格", "单价",
        ),
        COST: (
            "cost_floor", "break-even price", "cost", "unit cost", "purchase price",
            "保本价", "成本", "成本价", "进价", "采购价",
        ),
        FLOOR: ("red_line", "floor", "price_floor", "minimum price", "红线价", "底价", "最低价"),
        QUANTITY_MAX: ("quantity_max", "max per order", "每单限购", "单笔上限"),
        QUANTITY_MIN: ("quantity_min", "min per order", "起购数量", "起购"),
        SAFETY_STOCK: ("safety_stock", "安全库存"),
    },
    ((SKU,), (LIST_PRICE,)),
)  # fmt: skip
CATALOGUE_PROFILES = (_CATALOGUE,)

_STOCK = Profile(
    "stock",
    {
        SKU: _SKU_NAMES,
        QUANTITY: (
            "quantity", "qty", "stock", "on hand", "units", "available",
            "库存", "实物库存", "库存数量", "数量", "可用库存", "宝贝数量", "可用数",
        ),
    },
    ((SKU,), (QUANTITY,)),
)  # fmt: skip
STOCK_PROFILES = (_STOCK,)
