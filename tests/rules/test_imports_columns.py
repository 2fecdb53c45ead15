"""Which columns are found in whose exports, and what is said when one is missing."""

import json
from pathlib import Path

import pytest

from tidegate.imports import columns, roles
from tidegate.imports.refusal import ImportRefused

UCI = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
TAOBAO = (
    "子订单编号,主订单编号,买家会员名,商品标题,商品价格,购买数量,外部系统编号,商品属性,套餐信息,"
    "备注,订单状态,商家编码,支付单号,买家应付货款,买家实际支付金额,退款状态,订单创建时间,订单付款时间"
)
TAOBAO_OLD = "订单编号,标题,价格,购买数量,外部系统编号,商品属性,订单状态,商家编码,订单创建时间"
JD = (
    "订单号,商品ID,商品名称,订购数量,支付方式,下单时间,京东价,订单金额,结算金额,余额支付,应付金额,"
    "订单状态,下单帐号,客户姓名,客户地址,联系电话,付款确认时间,货号"
)
JD_NEW = "订单号,商品ID,商品名称,订购数量,商家应收,订单状态,商家SKUID,下单时间,付款确认时间"


@pytest.mark.parametrize(
    ("header", "form", "expected"),
    [
        (
            UCI,
            "uci-online-retail",
            {
                "order": "InvoiceNo",
                "sku": "StockCode",
                "quantity": "Quantity",
                "time": "InvoiceDate",
                "price": "UnitPrice",
                "customer": "CustomerID",
            },
        ),
        (
            "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
            "uci-online-retail",
            {
                "order": "Invoice",
                "sku": "StockCode",
                "quantity": "Quantity",
                "time": "InvoiceDate",
                "price": "Price",
                "customer": "Customer ID",
            },
        ),
        (
            TAOBAO,
            "taobao",
            {
                "order": "主订单编号",
                "line_id": "子订单编号",
                "sku": "商家编码",
                "quantity": "购买数量",
                "price": "商品价格",
                "line_total": "买家应付货款",
                "time": "订单创建时间",
                "paid_time": "订单付款时间",
                "customer": "买家会员名",
                "status": "订单状态",
            },
        ),
        (
            TAOBAO_OLD,
            "taobao",
            {
                "order": "订单编号",
                "sku": "商家编码",
                "quantity": "购买数量",
                "price": "价格",
                "time": "订单创建时间",
                "status": "订单状态",
            },
        ),
        (
            JD,
            "jd",
            {
                "order": "订单号",
                "sku": "货号",
                "quantity": "订购数量",
                "price": "京东价",
                "order_total": "结算金额",
                "time": "下单时间",
                "paid_time": "付款确认时间",
                "customer": "下单帐号",
                "status": "订单状态",
            },
        ),
        (
            JD_NEW,
            "jd",
            {
                "order": "订单号",
                "sku": "商家SKUID",
                "quantity": "订购数量",
                "line_total": "商家应收",
                "time": "下单时间",
                "paid_time": "付款确认时间",
                "status": "订单状态",
            },
        ),
        (
            "订单号,商品编码,数量,单价,下单时间,会员名",
            "generic-zh",
            {
                "order": "订单号",
                "sku": "商品编码",
                "quantity": "数量",
                "price": "单价",
                "time": "下单时间",
                "customer": "会员名",
            },
        ),
        (
            "Order ID,SKU,Qty,Unit-Price,Order Date,Customer",
            "generic-en",
            {
                "order": "Order ID",
                "sku": "SKU",
                "quantity": "Qty",
                "price": "Unit-Price",
                "time": "Order Date",
                "customer": "Customer",
            },
        ),
    ],
)
def test_a_known_form_is_recognised(header: str, form: str, expected: dict[str, str]) -> None:
    found = columns.map_columns(header.split(","), roles.ORDER_PROFILES)
    assert found.profile == form
    assert {role: found.header[index] for role, index in found.columns.items()} == expected


@pytest.mark.parametrize(
    "name", ["order_id", "ORDER ID", " Order-Id ", "ｏｒｄｅｒ＿ｉｄ", '="order id"']
)
def test_names_are_folded(name: str) -> None:
    assert columns.folded_name(name) == "orderid"


def test_a_missing_column_is_refused_with_its_candidates() -> None:
    with pytest.raises(ImportRefused) as refused:
        columns.map_columns(["order_id", "sku", "qty", "prise", "placed_at"], roles.ORDER_PROFILES)
    assert str(refused.value) == (
        "columns are missing (nearest known form: generic-en):\n"
        "  line_total or price: one of line_total, line total, receivable, amount, line amount, "
        "unit_price, price, item price, unit price (did you mean 'prise'?)\n"
        "The file has: order_id, sku, qty, prise, placed_at\n"
        "Name them in a mapping file with --mapping."
    )


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(ImportRefused, match=r"column 'Qty' more than once; which one is the quan"):
        columns.map_columns(
            ["order_id", "sku", "Qty", "qty", "price", "placed_at"], roles.ORDER_PROFILES
        )


def mapped(mapping: dict[str, object], header: str = "No,Art,N,P,D,Kd") -> columns.ColumnMap:
    return columns.map_by_file(header.split(","), mapping, roles.ORDER_PROFILES)


NAMED = {"order": "No", "sku": "Art", "quantity": "N", "price": "P", "time": "D"}


def test_a_mapping_file_names_columns_and_meaning(tmp_path: Path) -> None:
    toml = tmp_path / "m.toml"
    toml.write_text(
        "[columns]\n"
        + "".join(f'{role} = "{name}"\n' for role, name in NAMED.items())
        + '[meaning]\nchannel = "fair"\ncancellation_prefix = "S"\nnot_a_sale = ["void"]\n'
        'negative_quantity = "write_off"\ndecimal_mark = ","\n',
        "utf-8",
    )
    found = mapped(columns.load_mapping(toml))
    assert found.columns == {"order": 0, "sku": 1, "quantity": 2, "price": 3, "time": 4}
    assert found.meaning == roles.Meaning(
        channel="fair",
        cancellation_prefix="S",
        negative_quantity="write_off",
        not_a_sale=("void",),
        decimal_mark=",",
    )
    as_json = tmp_path / "m.json"
    as_json.write_text(json.dumps(columns.load_mapping(toml)), "utf-8")
    assert mapped(columns.load_mapping(as_json)) == found


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, r"needs a \[columns\] table"),
        ({"columns": {**NAMED, "skus": "Art"}}, r"role 'skus' is unknown; known: sku"),
        ({"columns": {**NAMED, "sku": "Artt"}}, r"'Artt', which the file does not have; it has: A"),
        ({"columns": {**NAMED, "sku": 3}}, r"must be a text"),
        ({"columns": {"order": "No", "sku": "Art"}}, r"no column for: quantity; time; line_tot"),
        ({"columns": NAMED, "meaning": {"chanel": "x"}}, r"has 'chanel'; known: .*channel"),
        ({"columns": NAMED, "meaning": {"channel": 1}}, r"channel must be a str"),
        ({"columns": NAMED, "meaning": {"negative_quantity": "x"}}, r"'refuse' or 'write_off'"),
        ({"columns": NAMED, "meaning": {"date_order": "x"}}, r"'dmy' or 'mdy'"),
        ({"columns": NAMED, "meaning": {"decimal_mark": "x"}}, r"'\.' or ','"),
        ({"columns": NAMED, "meaning": []}, r"must be a table"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        mapped(mapping)


def test_an_unreadable_mapping_file_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "m.toml"
    broken.write_text("[columns\n", "utf-8")
    with pytest.raises(ImportRefused, match=r"m\.toml cannot be read"):
        columns.load_mapping(broken)
    with pytest.raises(ImportRefused, match="No such file"):
        columns.load_mapping(tmp_path / "none.toml")
    broken.write_bytes(b"\xff")
    with pytest.raises(ImportRefused, match="cannot be read"):
        columns.load_mapping(broken)
