"""Discounts, amounts and times as people write them: read with their unit, or refused.

Always the exact basis points, fen and milliseconds; a refusal is checked by what it tells.
"""

import pytest

from tidegate.pricing.deals import deal, every_deal
from tidegate.pricing.words import (
    Unclear,
    fixed_zone,
    moment_ms,
    money_fen,
    offset_min,
    pay_bp,
    pay_bp_in,
    share_bp,
)

CHINA = fixed_zone(480)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8折", 8_000),
        ("8 折", 8_000),
        ("８折", 8_000),
        ("打8折", 8_000),
        ("8.5折", 8_500),
        ("85折", 8_500),
        ("7.55折", 7_550),
        ("0.8折", 800),
        ("20% off", 8_000),
        ("20 % OFF", 8_000),
        ("减20%", 8_000),
        ("优惠 12.5%", 8_750),
        ("100% off", 0),
        ("pay 80%", 8_000),
        ("付80%", 8_000),
        ("80% of price", 8_000),
        ("pay 0.8", 8_000),
        ("0.8 of the price", 8_000),
        ("pay 300 of 1000", 3_000),
        ("300 of 1000 off", 7_000),
    ],
)
def test_a_discount_that_names_its_unit_is_read(text: str, expected: int) -> None:
    assert pay_bp(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.8", "'0.8' may be what is paid or what is taken off"),
        ("80%", "'80%' may be what is paid or what is taken off"),
        ("8", "'8' may be what is paid or what is taken off"),
        ("300 of 1000", "'300 of 1000' may be what is paid or what is taken off"),
        ("110% off", "110 is over 100 %"),
        ("pay 101%", "101 is over 100 %"),
        ("100折", "100折 is no discount"),
        ("10折", "10折 may be no discount or 1折"),
        ("0折", "0折 is no discount"),
        ("0% off", "the discount is nothing"),
        ("pay 100%", "the discount is nothing"),
        ("8.5555折", "'8.5555' is finer than 0.01 %"),
        ("NaN", "'NaN' is no discount"),
        ("nan折", "'nan折' is no discount"),
        ("-20% off", "'-20% off' is no discount"),
        ("1e9折", "'1e9折' is no discount"),
        ("", "'' is no discount"),
    ],
)
def test_a_discount_that_is_unclear_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unclear) as refused:
        pay_bp(text)
    assert refused.value.why == why
    assert refused.value.mend


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        ("8", "zhe", 8_000),
        ("0.2", "ratio_off", 8_000),
        ("300", "per_mille_to_pay", 3_000),
        ("300", "per_mille_off", 7_000),
        ("9999", "basis_points_to_pay", 9_999),
        ("1", "basis_points_off", 9_999),
    ],
)
def test_a_number_with_a_named_unit_is_read(number: str, unit: str, expected: int) -> None:
    assert pay_bp_in(number, unit) == expected


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("50 yuan", "", 5_000),
        ("50元", "", 5_000),
        ("¥50", "", 5_000),
        ("￥50.5", "", 5_050),
        ("5000 fen", "", 5_000),
        ("5000分", "yuan", 5_000),
        ("79.60", "yuan", 7_960),
        ("79.60", "元", 7_960),
        ("7960", "fen", 7_960),
        ("0", "yuan", 0),
    ],
)
def test_an_amount_that_names_its_unit_is_read(text: str, unit: str, expected: int) -> None:
    assert money_fen(text, unit) == expected


@pytest.mark.parametrize(
    ("text", "unit", "why"),
    [
        ("50", "", "the unit of '50' is unclear"),
        ("1.005", "yuan", "'1.005' is finer than a fen"),
        ("0.5", "fen", "'0.5' is finer than a fen"),
        ("1,299", "yuan", "'1,299' is no amount of money"),
        ("-5", "yuan", "'-5' is no amount of money"),
        ("inf", "yuan", "'inf' is no amount of money"),
        ("1e5", "yuan", "'1e5' is no amount of money"),
        ("99999999999999", "yuan", "'99999999999999' is no amount of money"),
        ("999999999999", "yuan", "'999999999999' is too large"),
    ],
)
def test_an_amount_that_is_unclear_is_refused(text: str, unit: str, why: str) -> None:
    with pytest.raises(Unclear) as refused:
        money_fen(text, unit)
    assert refused.value.why == why


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("300-50", "yuan", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("300减50", "yuan", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("满300减50元", "", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("满300元减50元", "", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("300-50 yuan", "", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("30000-5000", "fen", {"spend_fen": 30_000, "off_fen": 5_000}),
        ("满300元打9折", "", {"spend_fen": 30_000, "pay_bp": 9_000}),
        ("满2件打8折", "", {"pieces": 2, "pay_bp": 8_000}),
        ("2件7.5折", "", {"pieces": 2, "pay_bp": 7_500}),
        ("满3件减20元", "", {"pieces": 3, "off_fen": 2_000}),
    ],
)
def test_a_tier_in_one_word_is_read(text: str, unit: str, expected: dict[str, int]) -> None:
    assert deal(text, unit) == expected


def test_a_tier_that_repeats_is_another_kind() -> None:
    assert every_deal("每满300减50元", "") == {"spend_fen": 30_000, "off_fen": 5_000}
    assert every_deal("每2件减10元", "") == {"pieces": 2, "off_fen": 1_000}
    for text in ("每满300减50元", "300-50", "300", "满300", "300元-50%"):
        with pytest.raises(Unclear):
            deal(text, "")
    with pytest.raises(Unclear):
        every_deal("每满300元打9折", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-26 00:00", 1_792_944_000_000),
        ("2026-10-26", 1_792_944_000_000),
        ("2026-10-25T16:00:00Z", 1_792_944_000_000),
        ("2026-10-26 01:30:05+09:30", 1_792_944_005_000),
        ("1970-01-01 08:00", 0),
        ("2024-02-29 08:00", 1_709_164_800_000),
        ("2100-03-01 08:00", 4_107_542_400_000),
    ],
)
def test_a_moment_is_read_in_the_shops_zone_or_its_own_offset(text: str, expected: int) -> None:
    assert moment_ms(text, CHINA) == expected


@pytest.mark.parametrize(
    "text",
    ["2026-02-29 00:00", "2100-02-29", "2026-13-01", "2026-10-26 24:00", "26/10/2026", "tomorrow",
     "2026-10-26 00:00 +99:00"],
)  # fmt: skip
def test_a_moment_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(Unclear):
        moment_ms(text, CHINA)


def test_a_moment_without_any_zone_is_refused() -> None:
    with pytest.raises(Unclear, match="zone"):
        moment_ms("2026-10-26 00:00", None)
    assert (offset_min("Z"), offset_min("-03:30")) == (0, -210)


def test_a_share_is_a_percentage() -> None:
    assert (share_bp("70%"), share_bp("0%"), share_bp("33.33 %")) == (7_000, 0, 3_333)
    for text in ("0.7", "70", "101%", "33.333%"):
        with pytest.raises(Unclear):
            share_bp(text)


@pytest.mark.parametrize("text", ["满300打8", "满300打8元", "3件打8", "2件享0.8", "满300享50元"])
def test_a_word_that_promises_a_rate_is_never_read_as_money(text: str) -> None:
    """打8 is a slip for 打8折: as 8 yuan off, what is checked would be dearer than what sells."""
    with pytest.raises(Unclear, match="how much 折"):
        deal(text, "yuan")
