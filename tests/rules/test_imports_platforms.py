"""Marketplaces' own exports: what is no sale, what stands twice, whose money counts."""

import io
from pathlib import Path

import pytest
from openpyxl import Workbook

from tidegate.imports import order_lines, order_prepared
from tidegate.imports.files import Reading
from tidegate.imports.refusal import ImportRefused

TAOBAO = """\
子订单编号,主订单编号,买家会员名,商品标题,购买数量,商家编码,买家应付货款,订单状态,订单创建时间,订单付款时间
="5001",="5000",小明,茶,2,T-1,19.90,交易成功,2021-10-26 00:00:01,2021-10-26 00:00:09
="5002",="5000",小明,水,1,W-1,5.00,交易成功,2021-10-26 00:00:01,2021-10-26 00:00:09
="5002",="5000",小明,水,1,W-1,5.00,交易成功,2021-10-26 00:00:01,2021-10-26 00:00:09
="5003",="5003",小红,茶,1,T-1,9.95,交易关闭,2021-10-26 00:00:02,
="5004",="5004",小红,茶,1,T-1,9.95,等待买家付款,2021-10-26 00:00:03,
="5005",="5005",小红,茶,1,T-1,9.95,卖家已发货,2021-10-26 00:00:04,2021-10-26 00:00:05
="5005",="5005",小红,茶,3,T-1,9.95,卖家已发货,2021-10-26 00:00:04,2021-10-26 00:00:05
5.1E+03,5.1E+03,小红,茶,1,T-1,9.95,卖家已发货,2021-10-26 00:00:04,2021-10-26 00:00:05
"""

JD = """\
订单号,商家SKUID,商品名称,订购数量,下单时间,京东价,应付金额,订单状态,下单帐号,付款确认时间
7001,T-1,茶,3,2021/10/26 0:00,10.00,40.00,完成,jd_1,2021/10/26 0:01
7001,W-1,水,2,2021/10/26 0:00,10.01,40.00,完成,jd_1,2021/10/26 0:01
7002,T-1,茶,1,2021/10/26 0:00,10.00,16.00,完成,jd_2,2021/10/26 0:01
7003,T-1,茶,1,2021/10/26 0:00,10.00,10.00,(删除)等待出库,jd_2,2021/10/26 0:01
7004,T-1,茶,1,2021/10/26 0:00,10.00,10.00,完成,jd_2,2021/10/26 0:01
7004,W-1,水,1,2021/10/26 0:00,10.00,11.00,完成,jd_2,2021/10/26 0:01
"""


def prepared(folder: Path, raw: bytes, **reading: str) -> order_prepared.PreparedOrders:
    path = folder / "orders"
    path.write_bytes(raw)
    options = order_prepared.OrderOptions(order_lines.OrderReading(**reading))
    return order_prepared.prepare_orders(path, options, Reading())


def rows(found: order_prepared.PreparedOrders) -> list[str]:
    """The row of each line, or `open` where the desk will decide."""
    counts = found.lines.tally
    return ["open" if counts.rows[i] == -1 else counts.name_of(i) for i in range(len(counts.rows))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_taobao_export(tmp_path: Path, encoding: str) -> None:
    found = prepared(tmp_path, TAOBAO.encode(encoding))
    assert rows(found) == [
        "open",
        "open",
        "duplicate_line",
        "not_a_sale",
        "not_a_sale",
        "refused_with_order",
        "malformed:line_id_reused",
        "malformed:order_id_unreadable",
    ]
    assert found.channel == "taobao"
    sales = found.plan.sales
    assert sales.part_ids == ["5000"]
    assert sales.rows["receivable_fen"].tolist() == [1990, 500]
    assert sales.rows["quantity"].tolist() == [2, 1]
    assert sales.rows["placed_at_ms"].tolist() == [1_635_177_601_000] * 2


def test_a_jd_export_shares_the_order_s_amount_over_its_lines(tmp_path: Path) -> None:
    found = prepared(tmp_path, JD.encode("gb18030"))
    assert rows(found) == [
        "open",
        "open",
        "open",
        "not_a_sale",
        "malformed:order_has_two_totals",
        "malformed:order_has_two_totals",
    ]
    assert found.channel == "jd"
    # 30.00 and 20.02 share 40.00: 23.9904 and 16.0096, the larger remainder gets the last fen.
    # 7002 paid 6.00 of freight on top: the line keeps its list amount.
    assert found.plan.sales.rows["receivable_fen"].tolist() == [2399, 1601, 1000]


def test_a_workbook_goes_the_same_way(tmp_path: Path) -> None:
    book = Workbook()
    for line in JD.splitlines():
        book.active.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    found = prepared(tmp_path, out.getvalue())
    assert rows(found)[:3] == ["open", "open", "open"]
    assert found.plan.sales.rows["receivable_fen"].tolist() == [2399, 1601, 1000]


def test_a_masked_buyer_is_nobody(tmp_path: Path) -> None:
    found = prepared(tmp_path, TAOBAO.replace("小明", "小**").encode())
    assert found.lines.customers == ["小红"]
    assert found.plan.sales.row_customer.tolist() == [-1, -1]
    assert found.lines.masked_buyers == 3


def test_identical_lines_are_dropped_where_that_was_asked_for(tmp_path: Path) -> None:
    raw = b"order id,sku,qty,price,date\n" + b"1,A,2,1.00,2021-10-26\n" * 3
    assert rows(prepared(tmp_path, raw)) == ["open"] * 3
    dropped = prepared(tmp_path, raw, identical_lines="drop")
    assert rows(dropped) == ["open", "duplicate_line", "duplicate_line"]
    assert dropped.plan.sales.rows["quantity"].tolist() == [2]


def test_a_negative_quantity_is_no_write_off_where_the_form_does_not_say_so(tmp_path: Path) -> None:
    raw = b"order id,sku,qty,price,date\n1,A,-2,1.00,2021-10-26\n"
    assert rows(prepared(tmp_path, raw)) == ["malformed:quantity_negative"]


def test_a_line_total_brings_its_own_unit_price(tmp_path: Path) -> None:
    raw = b"order id,sku,qty,amount,date\n1,A,3,10.00,2021-10-26\n2,A,2,0.01,2021-10-26\n"
    found = prepared(tmp_path, raw)
    assert found.lines.amounts.price_fen.tolist() == [333, 1]  # 0.5 fen rounds up
    assert found.plan.sales.rows["receivable_fen"].tolist() == [1000, 1]


def test_the_reading_settles_dates_and_marks(tmp_path: Path) -> None:
    raw = b"order id;sku;qty;price;date\n1;A;1;1.234,50;5/6/2021\n"
    assert rows(prepared(tmp_path, raw)) == ["malformed:time_ambiguous"]
    found = prepared(tmp_path, raw, date_order="dmy", decimal_mark=",", zone_name="Europe/London")
    assert rows(found) == ["open"]
    assert found.plan.sales.rows["receivable_fen"].tolist() == [123_450]
    assert found.plan.first_ms == 1_622_847_600_000


def test_a_zone_that_is_not_there_stops_the_import(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no time zone 'Asia/Nowhere'"):
        prepared(tmp_path, JD.encode(), zone_name="Asia/Nowhere")
