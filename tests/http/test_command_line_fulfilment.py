"""Presales, gifts, parcels, warehouses and returns by command, against a real server.

Always the exact words; every order's buyer is made up.
"""

import datetime as dt
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = beside("command_line_house")
House = HOUSE.House


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with HOUSE.opened_house("own") as opened:
        opened.did("channel", "put", "web")
        opened.did("sku", "put", "A", "--list-price-fen", "1000", "--cost-floor-fen", "500")
        opened.did("sku", "put", "G", "--list-price-fen", "300", "--cost-floor-fen", "200")
        opened.did("stock", "receive", "A", "100")
        opened.did("stock", "receive", "G", "100")
        yield opened


def did(house: House, *arguments: str) -> str:
    return str(house.did(*arguments).out)


def placed(house: House, name: str, units: int = 1, *more: str) -> None:
    fen = str(1_000 * units)
    did(
        house, "order", "place", "--id", name, "--channel", "web", "--sku", "A", "--quantity",
        str(units), "--receivable-fen", fen, "--account", f"buyer of {name}", *more,
    )  # fmt: skip


def test_a_presale_from_deposit_to_balance(house: House) -> None:
    did(house, "policy", "set", "--hold-ttl-max-s", "259200")
    placed(house, "P1")
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)

    def terms(later: dt.datetime) -> tuple[str, ...]:
        return ("--deposit-fen", "300", "--balance-fen", "700", "--deposit-until",
                soon.isoformat(), "--balance-until", later.isoformat())  # fmt: skip

    far, later = soon + dt.timedelta(days=9), soon + dt.timedelta(days=1)
    assert "no hold lasts longer" in house.refused("presale", "open", "web", "P1", *terms(far))
    assert did(house, "presale", "open", "web", "P1", *terms(later)) == (
        "web P1: deposit_due 待付定金\n"
    )
    pay = ("presale", "pay", "web", "P1")
    assert did(house, *pay, "deposit", "--amount-fen", "299", "--id", "d1") == (
        "web P1: deposit 2.99: refund_due 待退款 (amount_mismatch)\n"
    )
    assert did(house, *pay, "deposit", "--amount-fen", "300", "--id", "d2") == (
        "web P1: deposit 3.00: counted 已计入\n"
    )
    assert did(house, *pay, "balance", "--amount-fen", "700", "--id", "b") == (
        "web P1: balance 7.00: used 已用于订单\n"
    )
    assert did(house, "presale", "settle", "d1", "refunded") == (
        "d1: refunded 已退款 (amount_mismatch)\n"
    )
    assert did(house, "presale", "list") == "web  P1  300  700  committed\n1 rows 共 1 条\n"
    assert did(house, "presale", "payments", "--state", "used").count("used") == 2
    assert did(house, "presale", "told", "--overdue") == "0 rows 共 0 条\n"
    nobody = house.refused("presale", "pay", "web", "none", "deposit", "--amount-fen", "300")
    assert "there is no presale of this order" in nobody


def test_a_gift_and_its_order_go_in_one_parcel(house: House) -> None:
    placed(house, "1", 2, "--paid")
    assert did(house, "gift", "add", "web", "1", "G", "1", "--id", "g") == (
        "web 1: G x 1: covered 由主品承担\n"
    )
    assert did(house, "gift", "list") == "web  1  g  G  1  covered\n1 rows 共 1 条\n"
    assert did(house,
        "parcel", "plan", "P", "--channel", "web", "--line", "1:0:2", "--line", "1:0:1:g"
    ) == "P: planned 已计划\n"  # fmt: skip
    assert did(house, "parcel", "release", "P") == "P: released 已放行\n"
    assert did(house, "parcel", "ship", "P") == "P: shipped 已发货\n"
    assert did(house, "parcel", "show", "P") == (
        "P: shipped\nweb  1  0  2  0  2\nweb  1  1  1  0  1\n"
    )
    assert did(house, "parcel", "list", "--state", "shipped") == "P  shipped\n1 rows 共 1 条\n"
    assert did(house, "parcel", "to-stop") == "0 rows 共 0 条\n"
    assert house.wrong("parcel", "plan", "Q", "--channel", "web", "--line", "1:0") == (
        "tidegate: --line: write ORDER:LINE:UNITS, for example T-1:0:2\n"
    )


def test_a_warehouse_sends_what_comes_back_to_it(house: House) -> None:
    assert did(house, "warehouse", "put", "east", "--near", "310000=1") == "east: open 启用\n"
    assert did(house, "warehouse", "count", "east", "--sku", "A=50") == (
        "east: 1 SKUs counted 已盘点\n"
    )
    assert did(house, "warehouse", "rule", "nearest") == "sourcing: nearest 分仓规则已设置\n"
    placed(house, "2", 2, "--paid")
    did(house, "parcel", "plan", "W", "--channel", "web", "--line", "2:0:2", "--region", "310000")
    assert did(house, "parcel", "release", "W") == "W: sourced 已分仓 (east)\n"
    assert did(house, "parcel", "refuse", "W", "east") == "W: released 已放行 (unsourced)\n"
    assert did(house, "parcel", "ship", "W") == "W: shipped 已发货\n"
    assert did(house, "returns", "arrive", "web", "2", "2", "--warehouse", "east", "--id", "R") == (
        "web 2: 2: arrived 待质检\n"
    )
    assert did(house, "returns", "inspect", "R", "--good", "1", "--defective", "1") == (
        "R: done 已完成\n"
    )
    assert did(house, "returns", "dispose", "A", "1", "scrapped") == "A x 1: done 已完成\n"
    assert did(house, "returns", "list") == "R  web  2  0  2  1  1  inspected\n1 rows 共 1 条\n"
    assert did(house, "returns", "reconcile") == "A  1  1  1  1  0\n1 rows 共 1 条\n"
    assert did(house, "warehouse", "list") == "east  100  True\n1 rows 共 1 条\n"
    stock = did(house, "warehouse", "stock").splitlines()
    assert stock[0].split() == ["A", "51", "97", "-46", "0"]
    assert "not_done" in house.refused("returns", "inspect", "R", "--good", "1")
