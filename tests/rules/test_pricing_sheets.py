"""A platform's own promotion sheet: columns mapped, units named or refused, all or nothing."""

from typing import Any

import pytest

from tidegate.pricing.effects import AmountOff, Every, FixedPrice, PercentOff, Spend, Tier
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Budget, Limits, Promotion, Scope
from tidegate.pricing.sheet_cells import SheetUnits
from tidegate.pricing.sheets import ROWS_MAX, Sheet, promotions_of
from tidegate.pricing.words import fixed_zone

ZONE = fixed_zone(480)
NIGHT_MS = 1_792_944_000_000  # 2026-10-26T00:00:00+08:00
DAY_MS = 86_400_000
HEAD = ("活动编号", "商家编码", "开始时间", "结束时间")
NIGHT = ("2026-10-26 00:00:00", "2026-10-27 00:00:00")


def read(
    header: tuple[str, ...],
    *rows: tuple[str, ...],
    **more: Any,  # noqa: ANN401 -- units, and names of columns
) -> tuple[Promotion, ...]:
    """The promotions of a sheet with the usual columns first."""
    units = SheetUnits(more.pop("discount", ""), more.pop("money", ""))
    full = tuple((code, sku, *NIGHT, *rest) for code, sku, *rest in rows)
    return promotions_of(Sheet(HEAD + header, full), ZONE, units, more.pop("named", None))


def refused(
    header: tuple[str, ...],
    *rows: tuple[str, ...],
    **more: Any,  # noqa: ANN401 -- as `read`
) -> list[str]:
    """What is wrong with it, a line each."""
    with pytest.raises(PromotionsRefused) as error:
        read(header, *rows, **more)
    return [str(problem) for problem in error.value.problems]


def test_rows_of_one_offer_are_one_promotion_and_of_others_have_codes_of_their_own() -> None:
    made = read(("折扣(折)",), ("T9", "A", "8"), ("T9", "B", "8"), ("T9", "C", "7.5"))
    assert [(one.code, one.scope.skus, one.effect) for one in made] == [
        ("T9", ("A", "B"), PercentOff(pay_bp=8_000)),
        ("T9.2", ("C",), PercentOff(pay_bp=7_500)),
    ]
    one = made[0]
    assert (one.start_ms, one.end_ms, one.level) == (NIGHT_MS, NIGHT_MS + DAY_MS, "item")


def test_prices_of_one_promotion_are_one_with_a_price_for_each() -> None:
    (one,) = read(("活动价(元)",), ("T9", "A", "199"), ("T9", "B", "¥99.50"))
    assert one.effect == FixedPrice(prices_fen={"A": 19_900, "B": 9_950})


def test_amounts_off_and_deals_stand_where_platforms_put_them() -> None:
    (off,) = read(("直降",), ("T1", "A", "30元"))
    assert (off.effect, off.level) == (AmountOff(off_fen=3_000), "item")
    (spend,) = read(("满减规则",), ("T2", "全部商品", "满300元减50元；满600元减120元"))
    tiers = (Tier(spend_fen=30_000, off_fen=5_000), Tier(spend_fen=60_000, off_fen=12_000))
    assert (spend.effect, spend.level, spend.scope) == (Spend(tiers), "shop", Scope(all=True))
    (every,) = read(("满减规则", "层级"), ("T3", "A", "每满300减50元", "平台"))
    assert (every.effect, every.level) == (Every(off_fen=5_000, spend_fen=30_000), "platform")


def test_caps_stock_and_who_pays_are_taken_and_a_promotion_without_a_number_has_one() -> None:
    header = ("折扣", "每人限购", "活动库存", "商家承担比例", "每单限购")
    (one,) = read(header, ("T9", "A", "8折", "2件", "500", "60%", "不限"))
    assert (one.limits, one.budget, one.shop_share_bp) == (
        Limits(buyer_units=2), Budget(units=500), 6_000,
    )  # fmt: skip
    named = Sheet(("活动名称", "商家编码", "开始时间", "结束时间", "折扣"),
                  (("秋季 大促", "A", *NIGHT, "8折"),))  # fmt: skip
    (other,) = promotions_of(named, ZONE)
    assert (other.name, len(other.code), other.code[0]) == ("秋季 大促", 11, "S")
    assert promotions_of(named, ZONE) == (other,)


@pytest.mark.parametrize(("header", "cell", "unit", "pay_bp"), [
    ("折扣", "8折", "", 8_000),
    ("折扣", "８．５ 折", "", 8_500),
    ("折扣(折)", "8", "", 8_000),
    ("折扣（折）", "0.8", "", 800),  # the column says 折: 0.8 折 is 8 %, and the guard will say so
    ("折扣", "20% off", "", 8_000),
    ("折扣", "8", "zhe", 8_000),
    ("折扣", "0.8", "ratio_to_pay", 8_000),
    ("折扣率", "80%", "percent_to_pay", 8_000),
    ("折扣率", "80", "percent_to_pay", 8_000),
    ("折扣率(%off)", "20", "", 8_000),
    ("折扣率(%off)", "20%", "", 8_000),
    ("折扣", "800", "per_mille_to_pay", 8_000),
])  # fmt: skip
def test_a_discount_with_its_unit(header: str, cell: str, unit: str, pay_bp: int) -> None:
    (one,) = read((header,), ("T9", "A", cell), discount=unit)
    assert one.effect == PercentOff(pay_bp=pay_bp)


@pytest.mark.parametrize(
    "cell", ["8", "0.8", "80%", "80", "800 of 1000", "0", "10折", "打折", "-8折", "8e-1"]
)
def test_a_discount_without_its_unit_is_refused_with_its_line(cell: str) -> None:
    (said,) = refused(("折扣",), ("T9", "A", "8折"), *([("T9", "B", cell)]))
    assert said.startswith("line 3: discount: ")


@pytest.mark.parametrize(("header", "cell"), [
    ("活动价", "199"), ("直降", "30"), ("满减", "满300减50"), ("活动价(元)", "1,299"),
    ("活动价(元)", "0"), ("活动价(元)", "12345678901234567890"), ("直降(元)", "1e5"),
    ("活动价(分)", "0.5"), ("活动价(元)", "免费"), ("满减(元)", "满300打8"),
])  # fmt: skip
def test_money_without_its_unit_or_beyond_its_bounds_is_refused(header: str, cell: str) -> None:
    (said,) = refused((header,), ("T9", "A", cell))
    assert said.startswith("line 2: ")


def test_money_takes_the_unit_that_the_importer_names() -> None:
    (one,) = read(("活动价",), ("T9", "A", "19900"), money="fen")
    assert one.effect == FixedPrice(prices_fen={"A": 19_900})


@pytest.mark.parametrize(("cell", "at_ms"), [
    ("2026-10-26 00:00:00", NIGHT_MS), ("2026/10/26", NIGHT_MS), ("2026/10/26 0:00", NIGHT_MS),
    ("2026年10月26日", NIGHT_MS), ("2026年10月26日 8时", None),
    ("2026年10月26日 8:30", NIGHT_MS + 30_600_000),
    ("2026-10-25T16:00:00Z", NIGHT_MS), ("2026-10-26T00:00:00+08:00", NIGHT_MS),
    ("2026-10-26 24:00", None), ("2026-02-30", None), ("26/10/2026", None),
    ("46321", None), ("", None),
])  # fmt: skip
def test_times_as_exports_write_them(cell: str, at_ms: int | None) -> None:
    sheet = Sheet((*HEAD, "折扣"), (("T9", "A", cell, "2026-12-01", "8折"),))
    if at_ms is None:
        with pytest.raises(PromotionsRefused, match="line 2: start"):
            promotions_of(sheet, ZONE)
    else:
        assert promotions_of(sheet, ZONE)[0].start_ms == at_ms


def test_an_end_at_the_last_second_means_all_of_it() -> None:
    row = ("T9", "A", "2026-10-26", "2026-10-26 23:59:59", "8折")
    (one,) = promotions_of(Sheet((*HEAD, "折扣"), (row,)), ZONE)
    assert one.end_ms == NIGHT_MS + DAY_MS


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(PromotionsRefused, match="the zone of"):
        promotions_of(Sheet((*HEAD, "折扣"), (("T9", "A", *NIGHT, "8折"),)), None)


def test_everything_that_is_wrong_is_told_at_once_with_its_line() -> None:
    said = refused(
        ("折扣", "活动价(元)"),
        ("T9", "A", "8折", ""), ("T9", "", "8折", ""), ("T9", "B", "8折", "99"),
        ("T9", "C", "", ""), ("1.2E+15", "D", "8折", ""), ("T9", "E F", "8折", ""),
    )  # fmt: skip
    assert [line.partition(";")[0] for line in said] == [
        "line 3: sku: the cell is empty",
        "line 4: price: it says discount and price",
        "line 5: discount: nothing is offered",
        "line 6: promotion: '1.2E+15' lost its last digits",
        "line 7: sku: 'E F' is no code",
    ]


def test_two_prices_for_one_sku_are_refused_and_a_repeated_row_counts_once() -> None:
    header = ("活动价(元)",)
    (said,) = refused(header, ("T9", "A", "199"), ("T9", "A", "198"))
    assert said.startswith("line 3: price: another price for A than in line 2")
    (one,) = read(header, ("T9", "A", "199"), ("T9", "A", "199.00"))
    assert one.effect == FixedPrice(prices_fen={"A": 19_900})


def test_all_goods_beside_others_or_with_a_price_is_refused() -> None:
    assert refused(("折扣",), ("T9", "A", "8折"), ("T9", "全部", "8折"))
    assert refused(("活动价(元)",), ("T9", "全部", "9"))


@pytest.mark.parametrize(("header", "named", "why"), [
    (("商家编码", "开始时间", "结束时间", "折扣"), {}, "no column names the promotion"),
    (("活动编号", "商家编码", "开始时间", "结束时间"), {}, "no column says what is offered"),
    (("活动编号", "开始时间", "结束时间", "折扣"), {}, "no column has it"),
    ((*HEAD, "折扣", "折 扣"), {}, "'折扣' stands twice"),
    ((*HEAD, "力度"), {"discount": "折价"}, "no column '折价'"),
    ((*HEAD, "折扣"), {"rabatt": "折扣"}, "there is no such role"),
])  # fmt: skip
def test_columns_that_are_not_clear_are_refused(
    header: tuple[str, ...], named: dict[str, str], why: str
) -> None:
    with pytest.raises(PromotionsRefused, match=why):
        promotions_of(Sheet(header, (("x",) * len(header),)), ZONE, SheetUnits(), named)


def test_a_column_of_another_name_is_taken_where_it_is_named() -> None:
    (one,) = read(("力度",), ("T9", "A", "8折"), named={"discount": "力度"})
    assert one.effect == PercentOff(pay_bp=8_000)


def test_units_that_nobody_reads_are_refused() -> None:
    assert refused(("折扣",), ("T9", "A", "8"), discount="percent")[0].startswith("discount unit")
    assert refused(("折扣",), ("T9", "A", "8折"), money="dollar")[0].startswith("money unit")


def test_an_empty_sheet_and_one_without_end_are_refused() -> None:
    assert refused(("折扣",)) == ["the sheet has no rows; export it again, or name the sheet"]
    rows = (("", "", "", "", ""),) * (ROWS_MAX + 1)
    with pytest.raises(PromotionsRefused, match="rows, at most 20,000"):
        promotions_of(Sheet((*HEAD, "折扣"), rows), ZONE)
    (long,) = refused(("折扣",), ("T9", "A", "8" * 1_001))
    assert "over 1000 characters" in long
